import { randomBytes } from 'node:crypto';
import { Command, InvalidArgumentError, Option } from 'commander';
import { printJson, printLines } from './call-options.ts';

export function encryptionCommand(): Command {
  return new Command('encryption')
    .summary('keys that encrypt what Temporal stores')
    .description(
      'Keys for LEASH_PAYLOAD_KEYS_FILE. docs/encryption.md says what is encrypted, and how a key is rotated.',
    )
    .addCommand(newKeyCommand());
}

const KEY_BYTES = 32;

function newKeyCommand(): Command {
  return new Command('new-key')
    .summary('make a key, as a line for LEASH_PAYLOAD_KEYS_FILE')
    .description(
      'Prints an id and a new key on one line, and keeps neither; what to do with it goes to stderr.',
    )
    .addOption(
      new Option('--id <id>', 'what to call it (default: the day, and four letters by chance)').argParser(
        keyId,
      ),
    )
    .action((options: { id?: string }, command: Command) => {
      const { json: isJson } = command.optsWithGlobals<{ json?: boolean }>();
      const id = options.id ?? freshId(new Date());
      const key = randomBytes(KEY_BYTES).toString('base64');
      if (isJson === true) printJson({ id, key });
      else printLines([`${id} ${key}`]);
      process.stderr.write(HOW_TO_ADD);
    });
}

const HOW_TO_ADD = `
Add this line to the file of LEASH_PAYLOAD_KEYS_FILE of every process, below the others: then all can read what it
encrypts. Once all have it, move it to the top: then it encrypts. No restart is needed for either. Keep a copy where
Temporal's backups are not: without it they cannot be read.
`;

function freshId(now: Date): string {
  return `${now.toISOString().slice(0, 10)}-${randomBytes(2).toString('hex')}`;
}

function keyId(text: string): string {
  if (text !== 'none' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/.test(text)) return text;
  throw new InvalidArgumentError('Allowed are 1 to 32 letters, digits, dots, dashes and underscores.');
}

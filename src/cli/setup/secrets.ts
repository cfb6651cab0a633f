import { randomBytes, randomInt } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const OWNER_LENGTH = 10;
const OWNER_ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** The files in `secrets/`, and how each is made; null: only its owner knows it. */
const SECRETS: Readonly<Record<string, (() => string) | null>> = {
  'leash-secret': () => randomBytes(32).toString('base64url'),
  'admin-token': () => randomBytes(24).toString('base64url'),
  'postgres-password': () => randomBytes(24).toString('hex'),
  'grafana-password': () => randomBytes(24).toString('hex'),
  'vastai-api-key': null,
};

/**
 * Makes what docker-compose.yml needs in the folder it lies in, and says what was made and what was there. Nothing
 * that is there is ever changed: another secret would lose the instances that are rented.
 */
export function makeSecrets(directory: string): string[] {
  const folder = join(directory, 'secrets');
  mkdirSync(folder, { recursive: true });
  // Others on the machine are kept out here: containers' users, who differ, must be able to read the files.
  chmodSync(folder, 0o700);
  return [
    ...Object.entries(SECRETS).map(([name, make]) => secretLine(join(folder, name), make)),
    ownerLine(join(directory, '.env')),
  ];
}

function secretLine(file: string, make: (() => string) | null): string {
  if (existsSync(file)) {
    const isEmpty = readFileSync(file, 'utf8').trim() === '';
    return isEmpty ? `by hand: ${file} is empty: put the secret into it` : `was there: ${file}`;
  }
  writeFileSync(file, make === null ? '' : `${make()}\n`, { mode: 0o644, flag: 'wx' });
  // Whatever the umask took.
  chmodSync(file, 0o644);
  return make === null ? `by hand: ${file} is empty: put the secret into it` : `made: ${file}`;
}

function ownerLine(file: string): string {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (/^LEASH_OWNER=\S/m.test(text)) return `was there: LEASH_OWNER in ${file}`;
  const isEnded = text === '' || text.endsWith('\n');
  const owner = Array.from({ length: OWNER_LENGTH }, () => OWNER_ALPHABET[randomInt(OWNER_ALPHABET.length)]);
  writeFileSync(file, `${isEnded ? '' : '\n'}LEASH_OWNER=${owner.join('')}\n`, { mode: 0o600, flag: 'a' });
  return `made: LEASH_OWNER in ${file}`;
}

import { Command } from 'commander';
import { namespaceOf, parseConfig } from '../config.ts';
import { setUpTemporal } from '../temporal-setup.ts';
import { printJson, printLines } from './call-options.ts';
import { makeSecrets } from './setup/secrets.ts';

export function setupCommand(): Command {
  return new Command('setup')
    .summary('make what an installation of several processes needs')
    .description('Both can be repeated: what is there stays as it is, and is named.')
    .addCommand(secretsCommand())
    .addCommand(temporalCommand());
}

function secretsCommand(): Command {
  return new Command('secrets')
    .summary('secrets and .env for docker-compose.yml')
    .description('Makes the files that docker-compose.yml hands to its services, and the owner id in .env.')
    .option('--directory <dir>', 'where docker-compose.yml lies', '.')
    .action(({ directory }: { directory: string }, command: Command) =>
      print(command, makeSecrets(directory)),
    );
}

function temporalCommand(): Command {
  return new Command('temporal')
    .summary("namespace and search attributes, on the environment's Temporal")
    .description(
      'On Temporal Cloud, which lets neither be made from here, it checks them and says what to make.',
    )
    .action(async (_options: object, command: Command) => {
      const config = parseConfig(process.env);
      const place = { address: config.TEMPORAL_ADDRESS, namespace: namespaceOf(config) };
      print(command, await setUpTemporal(place));
    });
}

function print(command: Command, lines: readonly string[]): void {
  const { json: isJson } = command.optsWithGlobals<{ json?: boolean }>();
  if (isJson === true) printJson({ lines });
  else printLines([...lines]);
}

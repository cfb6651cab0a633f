import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { accessLogCommand } from './access-log.ts';
import { adoptCommand } from './adopt.ts';
import { addGlobalOptions, printJson } from './call-options.ts';
import { colours, errorColours } from './colours.ts';
import { completionCommand } from './completion.ts';
import { costsCommand } from './costs.ts';
import { dashboardCommand } from './dashboard.ts';
import { destroyCommand } from './destroy.ts';
import { doctorCommand } from './doctor.ts';
import { encryptionCommand } from './encryption.ts';
import { addExamples } from './examples.ts';
import { CommandError, EXIT, EXIT_HELP } from './exit-code.ts';
import { extendCommand } from './extend.ts';
import { Refusal } from './http.ts';
import { keysCommand } from './keys.ts';
import { launchCommand } from './launch.ts';
import { logsCommand } from './logs.ts';
import { machinesCommand } from './machines.ts';
import { reportMisfitsTogether } from './misfits.ts';
import { notificationsCommand } from './notifications.ts';
import { offersCommand } from './offers.ts';
import { planCommand } from './plan.ts';
import { providersCommand } from './providers.ts';
import { pyworkerCommand } from './pyworker.ts';
import { reapCommand } from './reap.ts';
import { scheduleCommand } from './schedule.ts';
import { sessionsCommand } from './sessions.ts';
import { setupCommand } from './setup.ts';
import { statusCommand } from './status.ts';
import { upCommand } from './up.ts';
import { versionsCommand } from './versions.ts';

/** The `leash` command line, for these arguments. */
export async function leashProgram(args: readonly string[]): Promise<Command> {
  const program = addGlobalOptions(new Command('leash'))
    .description(
      'Rents a GPU on Vast.ai, serves a model on it with vLLM behind an OpenAI-compatible URL, and always gives it back.',
    )
    .version(version())
    .configureHelp({
      showGlobalOptions: true,
      sortSubcommands: false,
      styleTitle: (title) => colours.bold(title),
    })
    .showSuggestionAfterError()
    .addHelpCommand(
      new Command('help')
        .argument('[command]')
        .summary('what a command does, with examples')
        .helpGroup('Operate:'),
    )
    .addHelpText('after', `${FIRST_STEPS}\n${EXIT_HELP}`)
    .exitOverride();
  const groups: readonly [title: string, commands: readonly Command[]][] = [
    [
      'Rent',
      [launchCommand(), planCommand(), offersCommand(), extendCommand(), destroyCommand(), scheduleCommand()],
    ],
    ['Look', [statusCommand(), sessionsCommand(), logsCommand(), dashboardCommand(), machinesCommand()]],
    ['Money', [costsCommand(), keysCommand()]],
    [
      'Operate',
      [
        upCommand(),
        doctorCommand(version()),
        providersCommand(),
        notificationsCommand(),
        accessLogCommand(),
        reapCommand(),
        versionsCommand(),
        encryptionCommand(),
        setupCommand(),
        adoptCommand(),
        completionCommand(),
      ],
    ],
    ['Build', [pyworkerCommand(), await simulateCommandFor(args)]],
  ];
  for (const [title, commands] of groups)
    for (const command of commands) {
      addExamples(command);
      program.addCommand(inheriting(command, program).helpGroup(`${title}:`));
    }
  reportMisfitsTogether(program);
  return program;
}

/** With those below it: a mistake in `keys create` ends as one in `launch` does. */
function inheriting(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  for (const below of command.commands) inheriting(below, command);
  return command;
}

const FIRST_STEPS = `
First steps:
  leash up                  everything on this machine; simulated unless VASTAI_API_KEY is set
  leash launch              in another terminal: rent a GPU and wait until it is READY
  leash dashboard           the same in a browser
  leash destroy             give it back, with a receipt`;

async function main(): Promise<void> {
  // Piped into a program that stops reading (head), there is nobody left to tell.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  try {
    const program = await leashProgram(process.argv.slice(2));
    await program.parseAsync(process.argv);
  } catch (error) {
    process.exitCode = reportEnd(error);
  }
}

function reportEnd(error: unknown): number {
  // Commander has printed what it had to say; help and version are no mistakes.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof Refusal && process.argv.includes('--json')) {
    printJson(error.body);
    return error.exitCode;
  }
  if (error instanceof CommandError) {
    process.stderr.write(`${errorColours.red('leash:')} ${error.message}\n`);
    return error.exitCode;
  }
  if (isPortTaken(error)) {
    const { address, port } = error;
    process.stderr.write(
      `${errorColours.red('leash:')} Port ${port} on ${address} is in use. Stop what listens there (ss -ltnp shows it), or name a free one.\n`,
    );
    return EXIT.failed;
  }
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return EXIT.failed;
}

function isPortTaken(error: unknown): error is { address: string; port: number } {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
}

/** The simulator takes a while to load: only who names it, or wants its options completed, waits for it. */
async function simulateCommandFor(args: readonly string[]): Promise<Command> {
  if (!args.includes('simulate') && !args.includes('completion'))
    return new Command('simulate').summary('a market that behaves as Vast.ai does, to try things on');
  const { simulateCommand } = await import('../simulator/main.ts');
  return simulateCommand();
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return version;
}

if (import.meta.main) await main();

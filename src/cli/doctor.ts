import { Command } from 'commander';

export function doctorCommand(version: string): Command {
  return new Command('doctor')
    .summary('what is wrong here, and what to do about it')
    .description(
      [
        'Looks at everything a session needs: this machine, the server, Temporal, its workers and schedules, the',
        'market with key, rights, credit and clock, and what lost homes left running. Changes nothing. Exit code 1',
        'when something is broken.',
      ].join('\n'),
    )
    .action(async (_options: object, command: Command) => {
      // Temporal's SDK takes a second to load, which the other commands need not wait for.
      const { doctor } = await import('./doctor/run.ts');
      process.exitCode = await doctor({
        ...command.optsWithGlobals<{ url?: string; json?: boolean }>(),
        version,
      });
    });
}

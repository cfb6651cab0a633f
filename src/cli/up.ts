import { Command, Option } from 'commander';
import { positive } from './call-options.ts';

export type UpOptions = { verbose?: boolean; timeScale?: number; profile?: 'calm' | 'flaky' | 'hostile' };

export function upCommand(): Command {
  return new Command('up')
    .summary('everything on this machine (what npm start runs)')
    .description(
      [
        'Starts Temporal with its Web UI, a worker and the HTTP server; without VASTAI_API_KEY also a simulated',
        'market, on which nothing costs money. Ctrl-C ends every open session, waits for the receipts and stops;',
        'VASTAI_AUTO_DESTROY_ON_SHUTDOWN=false leaves sessions to the next start. A second Ctrl-C leaves at once.',
      ].join('\n'),
    )
    .option('-v, --verbose', 'the whole log on standard error too; without it the screen has errors alone')
    .option(
      '--time-scale <k>',
      'simulated market: machines boot and prices move so many times faster',
      positive,
    )
    .addOption(
      new Option('--profile <name>', 'simulated market: how much goes wrong').choices([
        'calm',
        'flaky',
        'hostile',
      ]),
    )
    .action(async (options: UpOptions) => {
      // Temporal's SDK takes a second to load, which the other commands need not wait for.
      const { up } = await import('./up/run.ts');
      process.exitCode = await up(options);
    });
}

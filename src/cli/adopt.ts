import { Command } from 'commander';

export type AdoptOptions = { yes?: boolean; withInstances?: boolean };

export function adoptCommand(): Command {
  return new Command('adopt')
    .summary('go on with this home after its Temporal was lost for good')
    .description(
      [
        'Makes the ledger of this installation in a Temporal that has never known it, so that workers start with it',
        'again. Needs LEASH_HOME (or LEASH_OWNER) and VASTAI_API_KEY, and the new Temporal (TEMPORAL_ADDRESS; left out,',
        'the one that `leash up` runs in this home). Money is read back from the provider’s charges and the archive by',
        'the first worker; sessions are lost. Only for a Temporal that is gone: two ledgers would each spend the limit.',
      ].join('\n'),
    )
    .option('-y, --yes', 'the old Temporal is gone for good: do not ask')
    .option(
      '--with-instances',
      'also while instances of this owner are rented: nobody knows their sessions, so the reaper ends them',
    )
    .action(async (options: AdoptOptions, command: Command) => {
      const { adopt } = await import('./adopt/run.ts');
      const isJson = command.optsWithGlobals<{ json?: boolean }>().json === true;
      process.exitCode = await adopt(options, isJson);
    });
}

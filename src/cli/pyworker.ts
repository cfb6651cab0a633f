import { Command, InvalidArgumentError } from 'commander';
import { confirm } from './confirm.ts';
import type { DeployOptions } from './pyworker/deploy.ts';

/** `leash pyworker`: workers of Vast Serverless, deployed from a file. */
export function pyworkerCommand(): Command {
  return new Command('pyworker')
    .summary('deploy a worker to Vast Serverless, look at it, end it')
    .description(
      [
        'A worker written with leash/pyworker runs on machines that Vast.ai’s serverless engine rents and ends. These',
        'commands make what the engine needs: a template, an endpoint, a workergroup. They hold the key themselves',
        '(VASTAI_API_KEY) and need no server of leash’s.',
      ].join('\n'),
    )
    .addCommand(deployCommand())
    .addCommand(statusCommand())
    .addCommand(destroyCommand());
}

function deployCommand(): Command {
  return new Command('deploy')
    .summary('create or change template, endpoint and workergroup as a file says')
    .argument('<file>', 'the deployment, in JSON')
    .option('--dry-run', 'print the calls and make none that changes anything', false)
    .option(
      '-e, --env <NAME=VALUE>',
      'a variable of the template, over the file’s own; may be repeated',
      addVariable,
      {},
    )
    .option('--image <image>', 'the image, instead of the file’s')
    .addHelpText('after', DEPLOY_HELP)
    .action(async (file: string, options: Omit<DeployOptions, 'isJson'>, command: Command) => {
      const { deploy } = await import('./pyworker/deploy.ts');
      process.exitCode = await deploy(file, { ...options, isJson: isJson(command) });
    });
}

const DEPLOY_HELP = `
What is there is found by its name: a second run changes nothing, one after a failure goes on from there.`;

function statusCommand(): Command {
  return new Command('status')
    .summary('the workers of an endpoint, their states and last errors')
    .argument('<endpoint>', 'its name')
    .action(async (name: string, _options: object, command: Command) => {
      const { status } = await import('./pyworker/status.ts');
      process.exitCode = await status(name, isJson(command));
    });
}

function destroyCommand(): Command {
  return new Command('destroy')
    .summary('end an endpoint’s workers and see that they are gone, then delete it')
    .argument('<endpoint>', 'its name')
    .option('-y, --yes', 'do not ask', false)
    .option('--template <name>', 'delete this template too')
    .action(async (name: string, options: { yes: boolean; template?: string }, command: Command) => {
      const { destroy } = await import('./pyworker/destroy.ts');
      process.exitCode = await destroy(name, { ...options, isJson: isJson(command), confirm: ask });
    });
}

function ask(question: string): Promise<boolean> {
  return confirm(question, '--yes says so.');
}

function isJson(command: Command): boolean {
  return command.optsWithGlobals<{ json?: boolean }>().json === true;
}

function addVariable(text: string, before: Record<string, string>): Record<string, string> {
  const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError('NAME=VALUE is wanted.');
  return { ...before, [name]: value };
}

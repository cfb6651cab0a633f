import { type Command, InvalidArgumentError } from 'commander';
import { CommandError, EXIT } from './exit-code.ts';

/** A value that is none for its option; kept until all are read, so that all that is wrong is said at once. */
class Misfit {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

type Parse = (text: string, before: unknown) => unknown;

/** Makes the options and arguments of a command, and of those below it, report their values all together. */
export function reportMisfitsTogether(program: Command): void {
  keepMisfits(program);
  program.hook('preAction', (_program, command) => refuseMisfits(command));
}

function keepMisfits(command: Command): void {
  for (const option of command.options)
    if (option.parseArg !== undefined) option.argParser(keeping(option.parseArg, `option '${option.flags}'`));
  for (const argument of command.registeredArguments)
    if (argument.parseArg !== undefined)
      argument.argParser(keeping(argument.parseArg, `argument '${argument.name()}'`));
  for (const below of command.commands) keepMisfits(below);
}

function keeping(parse: Parse, of: string): Parse {
  return (text, before) => {
    if (before instanceof Misfit) return before;
    try {
      return parse(text, before);
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      return new Misfit(`${of}: '${text}' will not do. ${error.message}`);
    }
  };
}

function refuseMisfits(command: Command): void {
  const values = [...command.processedArgs, ...Object.values(command.optsWithGlobals())];
  const said = values.filter((value) => value instanceof Misfit).map(({ message }) => message);
  if (said.length === 0) return;
  const path = pathOf(command);
  throw new CommandError(EXIT.usage, [...said, `What it takes: ${path} --help`].join('\n'));
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

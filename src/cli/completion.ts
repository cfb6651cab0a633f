import { Argument, Command } from 'commander';
import { printLines } from './call-options.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

export function completionCommand(): Command {
  return new Command('completion')
    .summary('completion for bash, zsh or fish')
    .description(
      [
        'Prints a script that completes commands and options. To have it in every shell:',
        '  bash  leash completion bash > ~/.local/share/bash-completion/completions/leash',
        '  zsh   leash completion zsh > a folder of $fpath, as _leash',
        '  fish  leash completion fish > ~/.config/fish/completions/leash.fish',
      ].join('\n'),
    )
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .action((shell: Shell, _options: object, command: Command) => {
      printLines(completionScript(shell, command.parent ?? command));
    });
}

/** The script for `program`, whose whole tree of commands is in it. */
export function completionScript(shell: Shell, program: Command): string[] {
  const places = placesOf(program, []);
  return shell === 'fish' ? fishScript(places) : shell === 'zsh' ? zshScript(places) : bashScript(places);
}

/** A point in the tree: `schedule add`, with the words that may follow it. */
type Place = {
  readonly path: string;
  readonly commands: readonly Word[];
  readonly options: readonly (Word & {
    readonly short: string | undefined;
    readonly choices: readonly string[];
  })[];
  readonly choices: readonly string[];
};
type Word = { readonly name: string; readonly says: string };

function placesOf(command: Command, path: readonly string[]): Place[] {
  const own = command.createHelp();
  const inherited = path.length === 0 ? [] : own.visibleGlobalOptions(command);
  return [
    {
      path: path.join(' '),
      commands: command.commands.map((one) => ({ name: one.name(), says: one.summary() })),
      options: [...own.visibleOptions(command), ...inherited].map((option) => ({
        name: option.long ?? option.short ?? '',
        short: option.short,
        says: option.description,
        choices: option.argChoices ?? [],
      })),
      choices: command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
    },
    ...command.commands.flatMap((one) => placesOf(one, [...path, one.name()])),
  ];
}

function bashScript(places: readonly Place[]): string[] {
  return [
    '# bash completion for leash',
    '_leash() {',
    `  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path="" word`,
    ...pathLoop(`"\${COMP_WORDS[@]:1:COMP_CWORD-1}"`, places),
    ...optionChoices(places, (choices) => `COMPREPLY=($(compgen -W ${quoted(choices)} -- "$cur")); return`),
    '  case "$path" in',
    ...places.map(
      (place) =>
        `    ${quoted(place.path)}) COMPREPLY=($(compgen -W ${quoted(wordsOf(place).join(' '))} -- "$cur")) ;;`,
    ),
    '  esac',
    '}',
    'complete -F _leash leash',
  ];
}

function zshScript(places: readonly Place[]): string[] {
  return [
    '#compdef leash',
    '# zsh completion for leash',
    '_leash() {',
    `  local prev="\${words[CURRENT-1]}" path_="" word`,
    '  local -a found',
    ...pathLoop(`"\${(@)words[2,CURRENT-1]}"`, places, 'path_'),
    ...optionChoices(places, (choices) => `compadd -- ${choices}; return`, 'path_'),
    '  case "$path_" in',
    ...places.map((place) => {
      const words = [
        ...place.commands,
        ...place.options,
        ...place.choices.map((name) => ({ name, says: '' })),
      ];
      const described = words.map(({ name, says }) => quoted(`${name}:${says.replaceAll(':', ' ')}`));
      return `    ${quoted(place.path)}) found=(${described.join(' ')}) ;;`;
    }),
    '  esac',
    "  _describe 'leash' found",
    '}',
    'if [ "$funcstack[1]" = "_leash" ]; then _leash "$@"; else compdef _leash leash; fi',
  ];
}

/** Walks the words before the cursor down the tree: what is no command there is an option or its value. */
function pathLoop(words: string, places: readonly Place[], name = 'path'): string[] {
  const known = places.map(({ path }) => path).filter((path) => path !== '');
  return [
    `  for word in ${words}; do`,
    `    case "\${${name}:+$${name} }$word" in`,
    `      ${known.map(quoted).join('|')}) ${name}="\${${name}:+$${name} }$word" ;;`,
    '    esac',
    '  done',
  ];
}

function optionChoices(
  places: readonly Place[],
  complete: (choices: string) => string,
  name = 'path',
): string[] {
  const cases = places.flatMap(({ path, options }) =>
    options
      .filter(({ choices }) => choices.length > 0)
      .map((option) => `    ${quoted(`${path} ${option.name}`)}) ${complete(option.choices.join(' '))} ;;`),
  );
  return cases.length === 0 ? [] : [`  case "$${name} $prev" in`, ...cases, '  esac'];
}

function fishScript(places: readonly Place[]): string[] {
  const lines = ['# fish completion for leash', 'complete -c leash -f'];
  for (const { path, commands, options, choices } of places) {
    const steps = path === '' ? [] : path.split(' ');
    const under = steps.map((step) => `__fish_seen_subcommand_from ${step}`).join('; and ');
    const above =
      commands.length === 0
        ? ''
        : `not __fish_seen_subcommand_from ${commands.map(({ name }) => name).join(' ')}`;
    const when = [under, above].filter((part) => part !== '').join('; and ');
    const condition = when === '' ? '' : ` -n ${quoted(when)}`;
    for (const { name, says } of commands)
      lines.push(`complete -c leash${condition} -a ${name} -d ${quoted(says)}`);
    for (const choice of choices) lines.push(`complete -c leash${condition} -a ${choice}`);
    for (const option of options) {
      const short = option.short === undefined ? '' : ` -s ${option.short.slice(1)}`;
      const values = option.choices.length === 0 ? '' : ` -x -a ${quoted(option.choices.join(' '))}`;
      lines.push(
        `complete -c leash${condition} -l ${option.name.replace(/^--/, '')}${short}${values} -d ${quoted(option.says)}`,
      );
    }
  }
  return lines;
}

function wordsOf({ commands, options, choices }: Place): string[] {
  return [...commands.map(({ name }) => name), ...options.map(({ name }) => name), ...choices];
}

/** One shell word, whatever stands in it. */
function quoted(text: string): string {
  return `'${text.replaceAll('\n', ' ').replaceAll("'", "'\\''")}'`;
}

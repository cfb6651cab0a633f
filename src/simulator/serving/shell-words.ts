/**
 * Reads a shell script as far as needed to see which commands it names.
 *
 * It expands variables, assignments, arrays and `set --` in the order of the text and follows no branch:
 * both arms of an `if` are read. Command substitutions expand to nothing, since nothing is run.
 */

export type ShellCommand = {
  readonly words: readonly string[];
  /** Variables as they stand where the command is, its own `NAME=value` prefixes included. */
  readonly environment: Readonly<Record<string, string>>;
};

/** Every simple command of `script`, in order of appearance. */
export function readShellCommands(
  script: string,
  environment: Readonly<Record<string, string>>,
): ShellCommand[] {
  const reader = new ScriptReader(script, { ...environment });
  return reader.readAll();
}

const ASSIGNMENT = /^([A-Za-z_][A-Za-z0-9_]*)\+?=/;
const ARRAY_ASSIGNMENT = /^([A-Za-z_][A-Za-z0-9_]*)(\+?)=\($/;
const DECLARATIONS = new Set(['export', 'local', 'readonly', 'declare', 'typeset']);
const KEYWORDS = new Set([
  'then',
  'do',
  'else',
  'elif',
  'if',
  'while',
  'until',
  '!',
  '{',
  '}',
  'time',
  'function',
]);

class ScriptReader {
  readonly #text: string;
  readonly #variables: Record<string, string>;
  readonly #arrays: Map<string, readonly string[]>;
  readonly #commands: ShellCommand[] = [];
  #positional: readonly string[] = [];
  #at = 0;
  #words: string[] = [];
  #word = '';
  /** Whether a word has begun: `""` is a word, blank space is none. */
  #hasWord = false;
  #hereDocuments: string[] = [];

  constructor(
    text: string,
    variables: Record<string, string>,
    arrays: Map<string, readonly string[]> = new Map(),
    positional: readonly string[] = [],
  ) {
    this.#text = text;
    this.#variables = variables;
    this.#arrays = arrays;
    this.#positional = positional;
  }

  readAll(): ShellCommand[] {
    while (this.#at < this.#text.length) this.#step();
    this.#endCommand();
    return this.#commands;
  }

  /** The words of a fragment, such as the default in `${NAME:-default words}`. */
  readWords(): string[] {
    while (this.#at < this.#text.length) this.#step();
    this.#endWord();
    return this.#words;
  }

  #step(): void {
    const character = this.#text.charAt(this.#at);
    if (character === '\\') this.#readEscape();
    else if (character === "'") this.#readSingleQuoted();
    else if (character === '"') this.#readDoubleQuoted();
    else if (character === '$' || character === '`') this.#readUnquotedExpansion();
    else if (character === '\n') this.#readNewline();
    else if (character === '#' && !this.#hasWord) this.#skipTo('\n');
    else if (' \t\r'.includes(character)) this.#readBlank();
    else if (character === '(' && ARRAY_ASSIGNMENT.test(`${this.#word}(`)) this.#readArray();
    else if (this.#text.startsWith('&>', this.#at) || '<>'.includes(character)) this.#readRedirection();
    else if (';&|()'.includes(character)) this.#readSeparator();
    else this.#readLetter(character);
  }

  #readBlank(): void {
    this.#endWord();
    this.#at += 1;
  }

  #readSeparator(): void {
    this.#endCommand();
    this.#at += 1;
  }

  #readLetter(character: string): void {
    this.#append(character);
    this.#at += 1;
  }

  #append(text: string): void {
    this.#word += text;
    this.#hasWord = true;
  }

  #endWord(): void {
    if (this.#hasWord) this.#words.push(this.#word);
    this.#word = '';
    this.#hasWord = false;
  }

  #endCommand(): void {
    this.#endWord();
    const words = this.#words;
    this.#words = [];
    while (words[0] !== undefined && KEYWORDS.has(words[0])) words.shift();
    const prefixes: Record<string, string> = {};
    while (words[0] !== undefined && ASSIGNMENT.test(words[0])) assign(words.shift() ?? '', prefixes);
    if (words.length === 0) {
      Object.assign(this.#variables, prefixes);
      return;
    }
    if (DECLARATIONS.has(words[0] ?? '')) for (const word of words) assign(word, this.#variables);
    if (words[0] === 'set' && words[1] === '--') this.#positional = words.slice(2);
    this.#commands.push({ words, environment: { ...this.#variables, ...prefixes } });
  }

  #readNewline(): void {
    this.#endCommand();
    this.#at += 1;
    for (const marker of this.#hereDocuments.splice(0)) this.#skipHereDocument(marker);
  }

  #skipHereDocument(marker: string): void {
    while (this.#at < this.#text.length) {
      const end = this.#lineEnd();
      const line = this.#text.slice(this.#at, end);
      this.#at = Math.min(end + 1, this.#text.length);
      if (line.trim() === marker) return;
    }
  }

  #lineEnd(): number {
    const end = this.#text.indexOf('\n', this.#at);
    return end === -1 ? this.#text.length : end;
  }

  #skipTo(stop: string): void {
    const end = this.#text.indexOf(stop, this.#at);
    this.#at = end === -1 ? this.#text.length : end;
  }

  #readEscape(): void {
    const next = this.#text.charAt(this.#at + 1);
    if (next !== '\n') this.#append(next);
    this.#at += 2;
  }

  #readSingleQuoted(): void {
    const end = this.#text.indexOf("'", this.#at + 1);
    const stop = end === -1 ? this.#text.length : end;
    this.#append(this.#text.slice(this.#at + 1, stop));
    this.#at = stop + 1;
  }

  #readDoubleQuoted(): void {
    this.#at += 1;
    this.#hasWord = true;
    while (this.#at < this.#text.length && this.#text.charAt(this.#at) !== '"') {
      const character = this.#text.charAt(this.#at);
      if (character === '\\') this.#readQuotedEscape();
      else if (character === '$' || character === '`') this.#readQuotedExpansion();
      else {
        this.#append(character);
        this.#at += 1;
      }
    }
    this.#at += 1;
  }

  #readQuotedEscape(): void {
    const next = this.#text.charAt(this.#at + 1);
    if ('$`"\\'.includes(next)) this.#append(next);
    else if (next !== '\n') this.#append(`\\${next}`);
    this.#at += 2;
  }

  #readQuotedExpansion(): void {
    const expansion = this.#readExpansion(true);
    if (!expansion.isList) {
      this.#append(expansion.words.join(' '));
      return;
    }
    if (expansion.words.length === 0 && this.#word === '') this.#hasWord = false;
    this.#appendList(expansion.words);
  }

  /** Unquoted: the value is split at blanks, as `$EXTRA_ARGS` is meant to be. */
  #readUnquotedExpansion(): void {
    if (this.#text.startsWith("$'", this.#at)) {
      this.#at += 1;
      this.#readSingleQuoted();
      return;
    }
    const expansion = this.#readExpansion(false);
    const isValue = ASSIGNMENT.test(this.#word);
    if (isValue) {
      this.#append(expansion.words.join(' '));
      return;
    }
    const words = expansion.isList
      ? expansion.words
      : expansion.words.flatMap((word) => word.split(/\s+/).filter((part) => part !== ''));
    this.#appendList(words);
  }

  #appendList(words: readonly string[]): void {
    words.forEach((word, index) => {
      if (index > 0) this.#endWord();
      this.#append(word);
    });
  }

  /** Reads what starts at `$` or a backtick. `isList`: its words stay apart whatever the quotes. */
  #readExpansion(quoted: boolean): { words: readonly string[]; isList: boolean } {
    const rest = this.#text.slice(this.#at);
    if (rest.startsWith('`')) {
      this.#at += 1;
      this.#skipTo('`');
      this.#at += 1;
      return nothing;
    }
    if (rest.startsWith('$(')) {
      this.#at += 1;
      this.#skipBalanced('(', ')');
      return nothing;
    }
    if (rest.startsWith('${')) return this.#readBraced(quoted);
    const name = /^\$([A-Za-z_][A-Za-z0-9_]*)/.exec(rest)?.[1];
    if (name !== undefined) {
      this.#at += 1 + name.length;
      return { words: [this.#variables[name] ?? ''], isList: false };
    }
    const special = /^\$[@*#?$!0-9-]/.exec(rest)?.[0];
    this.#at += special?.length ?? 1;
    if (special === '$@' || special === '$*') return { words: this.#positional, isList: true };
    return special === undefined ? { words: ['$'], isList: false } : nothing;
  }

  #readBraced(quoted: boolean): { words: readonly string[]; isList: boolean } {
    const start = this.#at + 2;
    this.#at += 1;
    this.#skipBalanced('{', '}');
    const inside = this.#text.slice(start, this.#at - 1);
    const list = /^([A-Za-z_][A-Za-z0-9_]*)\[[@*]\]/.exec(inside)?.[1];
    if (list !== undefined) return { words: this.#arrays.get(list) ?? [], isList: true };
    const [, name = '', operator = '', alternative = ''] =
      /^([A-Za-z_][A-Za-z0-9_]*)(:?[-=+?])?([\s\S]*)$/.exec(inside) ?? [];
    const value = this.#variables[name];
    const isAbsent = value === undefined || (operator.startsWith(':') && value === '');
    if (operator.endsWith('+')) return isAbsent ? nothing : this.#expandAlternative(alternative, quoted);
    if (!isAbsent) return { words: [value], isList: false };
    if (operator.endsWith('-')) return this.#expandAlternative(alternative, quoted);
    if (!operator.endsWith('=')) return nothing;
    const expanded = this.#expandAlternative(alternative, quoted);
    this.#variables[name] = expanded.words.join(' ');
    return expanded;
  }

  #expandAlternative(text: string, quoted: boolean): { words: readonly string[]; isList: boolean } {
    const fragment = quoted ? `"${text.replaceAll('"', '')}"` : text;
    const words = new ScriptReader(fragment, this.#variables, this.#arrays, this.#positional).readWords();
    return { words, isList: !quoted };
  }

  /** Leaves the position behind the bracket that closes the one at the present position. */
  #skipBalanced(open: string, close: string): void {
    let depth = 0;
    while (this.#at < this.#text.length) {
      const character = this.#text.charAt(this.#at);
      this.#at += character === '\\' ? 2 : 1;
      if (character === open) depth += 1;
      if (character === close) depth -= 1;
      if (depth === 0) return;
    }
  }

  #readArray(): void {
    const [, name = '', append = ''] = ARRAY_ASSIGNMENT.exec(`${this.#word}(`) ?? [];
    this.#word = '';
    this.#hasWord = false;
    const start = this.#at + 1;
    this.#skipBalanced('(', ')');
    const inside = this.#text.slice(start, this.#at - 1).replaceAll('\n', ' ');
    const words = new ScriptReader(inside, this.#variables, this.#arrays, this.#positional).readWords();
    this.#arrays.set(name, append === '' ? words : [...(this.#arrays.get(name) ?? []), ...words]);
  }

  /** Drops `2>&1`, `>> file`, `< file` and `<<EOF`, none of which the command sees as words. */
  #readRedirection(): void {
    if (/^\d+$/.test(this.#word)) {
      this.#word = '';
      this.#hasWord = false;
    }
    this.#endWord();
    const rest = this.#text.slice(this.#at);
    const hereDocument = /^<<-?\s*(['"]?)([A-Za-z0-9_.-]+)\1/.exec(rest);
    if (hereDocument && !rest.startsWith('<<<')) {
      this.#hereDocuments.push(hereDocument[2] ?? '');
      this.#at += hereDocument[0].length;
      return;
    }
    if (/^[<>]\(/.test(rest)) {
      this.#at += 1;
      this.#skipBalanced('(', ')');
      return;
    }
    this.#at += /^(&>>?|<<<|[<>]{1,2}[&|]?)[ \t]*/.exec(rest)?.[0].length ?? 1;
    this.#dropWord();
  }

  #dropWord(): void {
    const kept = this.#words;
    this.#words = [];
    while (this.#at < this.#text.length && !/[\s;&|()<>]/.test(this.#text.charAt(this.#at))) this.#step();
    this.#endWord();
    this.#words = kept;
  }
}

const nothing = { words: [''], isList: false } as const;

function assign(word: string, into: Record<string, string>): void {
  const name = ASSIGNMENT.exec(word)?.[1];
  if (name !== undefined) into[name] = word.slice(word.indexOf('=') + 1);
}

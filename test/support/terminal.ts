import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import xterm from '@xterm/headless';
import { eventually } from './eventually.ts';

/** A terminal emulator: what a person would see of what was written to it. */
export class Screen {
  readonly #terminal: xterm.Terminal;
  #raw = '';

  constructor({ columns, rows }: { columns: number; rows: number }) {
    this.#terminal = new xterm.Terminal({
      cols: columns,
      rows,
      scrollback: 500,
      allowProposedApi: true,
      convertEol: true,
    });
  }

  write(text: string): void {
    this.#raw += text;
    this.#terminal.write(text);
  }

  resize({ columns, rows }: { columns: number; rows: number }): void {
    this.#terminal.resize(columns, rows);
  }

  /** All lines, those scrolled away first, without the empty ones at the end. */
  async text(): Promise<string> {
    // What was written is drawn in turns of its own.
    await new Promise<void>((resolve) => this.#terminal.write('', resolve));
    const { active } = this.#terminal.buffer;
    const lines = Array.from(
      { length: active.length },
      (_, at) => active.getLine(at)?.translateToString(true) ?? '',
    );
    return lines.join('\n').trimEnd();
  }

  isCursorShown(): boolean {
    return this.#raw.lastIndexOf('\u001b[?25l') <= this.#raw.lastIndexOf('\u001b[?25h');
  }

  /** As it was written, control characters and all. */
  raw(): string {
    return this.#raw;
  }
}

export type TerminalRun = AsyncDisposable & {
  readonly screen: Screen;
  awaitText(pattern: RegExp, timeoutMs?: number): Promise<string>;
  type(keys: string): void;
  resize(size: { columns: number; rows: number }): void;
  /** The exit code, once it has ended. */
  ended(): Promise<number | null>;
};

/** Runs a program as under a person's hands: a pseudo-terminal of `script`, drawn by an emulator. */
export async function runInTerminal(
  command: readonly string[],
  { columns = 80, rows = 30, env }: { columns?: number; rows?: number; env: NodeJS.ProcessEnv },
): Promise<TerminalRun> {
  const screen = new Screen({ columns, rows });
  const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const shell = `stty cols ${columns} rows ${rows}; tty; exec ${quoted}`;
  const child = spawn('script', ['-qefc', shell, '/dev/null'], {
    env: { TERM: 'xterm-256color', ...env },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const exited = once(child, 'close') as Promise<[number | null]>;
  let device = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (device !== '') return screen.write(text);
    // Its first line is for us: by its name the terminal is resized.
    const [line, name = ''] = /^(\/dev\/\S+)\r?\n/.exec(text) ?? [];
    device = name;
    screen.write(text.slice(line?.length ?? 0));
  });

  return {
    screen,
    awaitText: async (pattern, timeoutMs = 20_000) => {
      let text = '';
      const look = async () => {
        text = await screen.text();
        return pattern.test(text);
      };
      await eventually(() => `${pattern} on the screen:\n${text}`, look, timeoutMs);
      return text;
    },
    type: (keys) => void child.stdin.write(keys),
    resize: (size) => {
      screen.resize(size);
      spawnSync('stty', ['-F', device, 'cols', String(size.columns), 'rows', String(size.rows)]);
    },
    ended: async () => (await exited)[0],
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await exited;
    },
  };
}

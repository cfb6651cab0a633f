import { stripVTControlCharacters } from 'node:util';
import type { Look } from './status-text.ts';
import { clock, cut } from './text.ts';

/** Lines that stay, and on a terminal a live one below them, with more under it, that is drawn anew all the time. */
export type LiveLine = {
  /** A line that stays. */
  print(line: string): void;
  /** What the live line says, behind the time since `sinceMs`, and what stands below it; null takes all away. */
  show(text: string | null, sinceMs?: number, below?: (look: Look) => readonly string[]): void;
  close(): void;
};

/**
 * Piped, there is no live line and every line is printed once, so that a log holds no control characters.
 */
export function openLiveLine(out: NodeJS.WriteStream = process.stdout): LiveLine {
  if (!out.isTTY) {
    return { print: (line) => void out.write(`${line}\n`), show: () => undefined, close: () => undefined };
  }
  return new Terminal(out);
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 120;
/** Terminals that know it show the whole of what is between at once; others pass it over. */
const TOGETHER = { begin: '\u001b[?2026h', end: '\u001b[?2026l' };
const TO_END_OF_SCREEN = '\u001b[0J';

class Terminal implements LiveLine {
  readonly #out: NodeJS.WriteStream;
  readonly #timer: NodeJS.Timeout;
  #text: string | null = null;
  #sinceMs = Date.now();
  #below: (look: Look) => readonly string[] = () => [];
  #frame = 0;
  #drawn: readonly string[] = [];

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
    this.#timer = setInterval(() => this.#draw(), FRAME_MS);
    this.#timer.unref();
  }

  print(line: string): void {
    this.#out.write(`${TOGETHER.begin}${this.#erase()}${line}\n`);
    this.#draw();
    this.#out.write(TOGETHER.end);
  }

  show(text: string | null, sinceMs?: number, below: (look: Look) => readonly string[] = () => []): void {
    this.#text = text;
    this.#sinceMs = sinceMs ?? this.#sinceMs;
    this.#below = below;
    if (text === null) this.#out.write(this.#erase());
    else this.#draw();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#out.write(this.#erase());
    this.#text = null;
  }

  #draw(): void {
    if (this.#text === null) return;
    this.#frame += 1;
    const [nowMs, width] = [Date.now(), Math.max(20, this.#out.columns - 1)];
    const head = `${FRAMES[this.#frame % FRAMES.length] ?? ''} ${clock(nowMs - this.#sinceMs).padStart(5)}  `;
    const lines = [`${head}${this.#text}`, ...this.#below({ nowMs, width })].map((line) => cut(line, width));
    const erased = this.#erase();
    this.#drawn = lines;
    this.#out.write(`${TOGETHER.begin}${erased}${lines.join('\n')}${TOGETHER.end}`);
  }

  /** Back to the first line that was drawn, and nothing left from there on. A narrower terminal has folded them. */
  #erase(): string {
    const rows = this.#drawn.reduce(
      (sum, line) =>
        sum + Math.max(1, Math.ceil(stripVTControlCharacters(line).length / Math.max(1, this.#out.columns))),
      0,
    );
    this.#drawn = [];
    return `\r${rows > 1 ? `\u001b[${rows - 1}A` : ''}${TO_END_OF_SCREEN}`;
  }
}

import { cut } from './layout.ts';
import { clock } from './text.ts';

/** Lines that stay, and on a terminal one below them that is drawn anew each second. */
export type LiveLine = {
  /** A line that stays. */
  print(line: string): void;
  /** What the live line says, behind the time since `sinceMs`; null takes it away. */
  show(text: string | null, sinceMs?: number): void;
  close(): void;
};

/**
 * Piped, there is no live line and every line is printed once, so that a log holds no control characters.
 */
export function openLiveLine(out: NodeJS.WriteStream = process.stdout): LiveLine {
  if (!out.isTTY) {
    return { print: (line) => void out.write(`${line}\n`), show: () => undefined, close: () => undefined };
  }
  let text: string | null = null;
  let sinceMs = Date.now();
  let frame = 0;
  const draw = () => {
    if (text === null) return;
    frame += 1;
    const head = `${FRAMES[frame % FRAMES.length] ?? ''} ${clock(Date.now() - sinceMs).padStart(5)}  `;
    out.write(`${CLEAR}${head}${cut(text, Math.max(10, out.columns - head.length - 1))}`);
  };
  const timer = setInterval(draw, 120);
  timer.unref();
  return {
    print: (line) => {
      out.write(`${CLEAR}${line}\n`);
      draw();
    },
    show: (next, since) => {
      text = next;
      sinceMs = since ?? sinceMs;
      if (next === null) out.write(CLEAR);
      else draw();
    },
    close: () => {
      clearInterval(timer);
      if (text !== null) out.write(CLEAR);
      text = null;
    },
  };
}

/** To the line's start, and nothing left on it. */
const CLEAR = '\r\u001b[2K';
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

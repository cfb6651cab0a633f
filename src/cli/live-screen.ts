import { cut } from './layout.ts';
import { clock } from './text.ts';

/** Lines that stay, and on a terminal a frame below them that is drawn anew in place. */
export type LiveScreen = {
  /** A line that stays, above the frame. */
  print(line: string): void;
  /** What the frame shows from now on; asked again with each drawing, for its times go on. Null takes it away. */
  show(frame: Frame | null): void;
  /** Takes the frame away and gives the cursor back. */
  close(): void;
};

export type Frame = (look: { readonly nowMs: number; readonly width: number }) => readonly string[];

/** Whether frames can be drawn on `out`. */
export function isScreen(out: NodeJS.WriteStream, environment = process.env): boolean {
  return out.isTTY && environment.TERM !== 'dumb';
}

/**
 * Opens a screen on a terminal. Piped, there are no frames and every line is printed once, so that a log holds
 * no control characters.
 *
 * Between two drawings the cursor stands at the frame's first letter. A terminal that wraps its lines anew when it
 * is resized takes the cursor along, so a drawing goes on from there: how many rows the old frame became is nobody's
 * to guess, and what stands above is never touched. Those that move the cursor too far, as xterm.js does when lines
 * below it wrap, keep a line of the old frame above the new one.
 */
export function openLiveScreen(out: NodeJS.WriteStream = process.stdout): LiveScreen {
  if (!isScreen(out)) {
    return { print: (line) => void out.write(`${line}\n`), show: () => undefined, close: () => undefined };
  }
  let frame: Frame | null = null;
  let drawn: readonly string[] = [];
  const draw = () => {
    const lines = frame === null ? [] : linesOf(frame, out);
    const text = changesText(drawn, lines);
    if (text !== '') out.write(`${BEGIN_UPDATE}${text}${END_UPDATE}`);
    drawn = lines;
  };
  const drawAfter = (text: string) => {
    out.write(text);
    drawn = [];
    draw();
  };
  const onResize = () => drawAfter(ERASE_BELOW);
  const onExit = () => void out.write(SHOW_CURSOR);
  const timer = setInterval(draw, SPIN_MS);
  timer.unref();
  out.on('resize', onResize);
  process.once('exit', onExit);
  return {
    print: (line) => drawAfter(`${ERASE_BELOW}${line}\n`),
    show: (next) => {
      if (frame === null && next !== null) out.write(HIDE_CURSOR);
      frame = next;
      draw();
    },
    close: () => {
      clearInterval(timer);
      out.off('resize', onResize);
      process.off('exit', onExit);
      if (frame !== null) out.write(`${ERASE_BELOW}${SHOW_CURSOR}`);
      frame = null;
    },
  };
}

const SPIN_MS = 120;
const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** The mark of what goes on at this moment. */
export function spinner(nowMs: number): string {
  return SPINNER[Math.floor(nowMs / SPIN_MS) % SPINNER.length] ?? '';
}

/** One line that says what is waited for, and since when. */
export function waitingFrame(text: string, sinceMs: number): Frame {
  return ({ nowMs }) => [`${spinner(nowMs)} ${clock(nowMs - sinceMs).padStart(5)}  ${text}`];
}

/** Shown all at once by the terminals that know of it; the others ignore it. */
const BEGIN_UPDATE = '\u001b[?2026h';
const END_UPDATE = '\u001b[?2026l';
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const ERASE_LINE_REST = '\u001b[K';
const ERASE_BELOW = '\r\u001b[J';

/** Longer lines read badly, and would wrap as soon as the terminal becomes a little narrower. */
const FRAME_WIDTH_MAX = 100;

/** No line as wide as the terminal, and no more of them than it has rows: neither wraps nor scrolls. */
function linesOf(frame: Frame, out: NodeJS.WriteStream): string[] {
  const width = Math.min(FRAME_WIDTH_MAX, (out.columns || 80) - 1);
  const lines = frame({ nowMs: Date.now(), width }).slice(0, Math.max(1, (out.rows || 24) - 1));
  return lines.map((line) => cut(line, width));
}

/** From the first letter of the frame and back to it; only lines that changed are written, so nothing flickers. */
function changesText(before: readonly string[], now: readonly string[]): string {
  if (before.length === now.length && now.every((line, at) => line === before[at])) return '';
  const changed = now.map((line, at) => (line === before[at] ? '' : `\r${line}${ERASE_LINE_REST}`));
  const rest = before.length > now.length ? `\n${ERASE_BELOW}\u001b[A` : '';
  const up = now.length > 1 ? `\u001b[${now.length - 1}A` : '';
  return now.length === 0 ? ERASE_BELOW : `${changed.join('\n')}${rest}${up}\r`;
}

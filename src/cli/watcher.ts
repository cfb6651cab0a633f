import type { StatusAnswer } from '../admin/answers.ts';
import { colours } from './colours.ts';
import { isScreen, openLiveScreen } from './live-screen.ts';
import { progressLines } from './progress.ts';
import { sessionScreen, stepLines } from './session-screen.ts';
import { stepsOf } from './steps.ts';

/** Who is told of a session that is followed. */
export type Watcher = {
  /** What a look showed, and the look before it. */
  seen(before: StatusAnswer | null, now: StatusAnswer): void;
  /** A look that failed; null: they succeed again. */
  trouble(text: string | null): void;
  close(): void;
};

export type Watching = {
  /** What stands below the session: what Ctrl-C does. */
  readonly footer: readonly string[];
  /** Leave the steps on the terminal when it is over, as a pipe keeps its lines. */
  readonly isRecorded: boolean;
};

/** A screen on a terminal, and in a pipe a line for each thing that happens. */
export function openWatcher(watching: Watching): Watcher {
  return isScreen(process.stdout) ? screenWatcher(watching) : plainWatcher();
}

/** With --json the watch is silent until its end: standard output holds one document. */
export const silentWatcher: Watcher = {
  seen: () => undefined,
  trouble: () => undefined,
  close: () => undefined,
};

export function plainWatcher(out: NodeJS.WriteStream = process.stdout): Watcher {
  const print = (text: string) => void out.write(`${text}\n`);
  return {
    seen: (before, now) => progressLines(before, now, Date.now()).forEach(print),
    trouble: (text) => {
      if (text !== null) print(text);
    },
    close: () => undefined,
  };
}

function screenWatcher({ footer, isRecorded }: Watching): Watcher {
  const screen = openLiveScreen();
  let status: StatusAnswer | null = null;
  let trouble: string | null = null;
  const show = () => {
    const shown = status;
    const notes = trouble === null ? footer : [colours.yellow(trouble), ...footer];
    if (shown !== null) screen.show((look) => sessionScreen(shown, look, notes));
  };
  return {
    seen: (_before, now) => {
      status = now;
      trouble = null;
      show();
    },
    trouble: (text) => {
      trouble = text;
      show();
    },
    close: () => {
      screen.close();
      if (status === null || !isRecorded) return;
      const look = { nowMs: Date.now(), width: process.stdout.columns || 80 };
      const lasting = stepsOf(status, look.nowMs).filter(({ standing }) => standing !== 'ahead');
      process.stdout.write(`${stepLines(lasting, look).join('\n')}\n`);
    },
  };
}

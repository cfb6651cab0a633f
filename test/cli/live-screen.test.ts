import { EventEmitter } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { openLiveScreen } from '../../src/cli/live-screen.ts';
import { sessionScreen } from '../../src/cli/session-screen.ts';
import { Screen } from '../support/terminal.ts';
import { anAttempt, aReadyStatus, aStatus, at, atMs } from './answers.ts';

/** A stream as Node shows a terminal, drawn by an emulator. */
function aTerminal({ columns = 40, rows = 10 } = {}) {
  const screen = new Screen({ columns, rows });
  const out = Object.assign(new EventEmitter(), {
    ...{ isTTY: true, columns, rows },
    write: (text: string) => {
      screen.write(text);
      return true;
    },
  });
  const resize = (size: { columns: number; rows: number }) => {
    screen.resize(size);
    Object.assign(out, size).emit('resize');
  };
  return { screen, out: out as unknown as NodeJS.WriteStream, resize };
}

describe('on a terminal', () => {
  test('a frame is drawn over the one before, below what was printed', async () => {
    const { screen, out } = aTerminal();
    const live = openLiveScreen(out);
    live.print('this stays');
    live.show(() => ['one', 'two', 'three']);
    live.show(() => ['one', '2']);
    expect(await screen.text()).toBe('this stays\none\n2');
    live.print('so does this');
    expect(await screen.text()).toBe('this stays\nso does this\none\n2');
    live.close();
    expect(await screen.text()).toBe('this stays\nso does this');
  });

  test('a frame that is as before writes nothing, and one that changed a line only that line', () => {
    const { screen, out } = aTerminal();
    const live = openLiveScreen(out);
    live.show(() => ['the head', 'the time 1']);
    const before = screen.raw();
    live.show(() => ['the head', 'the time 1']);
    expect(screen.raw()).toBe(before);
    live.show(() => ['the head', 'the time 2']);
    expect(screen.raw().slice(before.length)).toContain('the time 2');
    expect(screen.raw().slice(before.length)).not.toContain('the head');
    live.close();
  });

  test('the cursor is hidden while it draws and given back at the end', () => {
    const { screen, out } = aTerminal();
    const live = openLiveScreen(out);
    live.show(() => ['one']);
    expect(screen.isCursorShown()).toBe(false);
    live.close();
    expect(screen.isCursorShown()).toBe(true);
  });

  test.each([
    ['wider', { columns: 70, rows: 10 }],
    ['lower', { columns: 40, rows: 5 }],
    ['higher', { columns: 40, rows: 20 }],
  ])('a terminal that becomes %s keeps what was printed and shows one frame', async (_which, size) => {
    const { screen, out, resize } = aTerminal();
    const live = openLiveScreen(out);
    for (const line of ['first', 'second', 'third']) live.print(line);
    live.show(({ width }) => ['-'.repeat(width), 'middle', '='.repeat(width)]);
    resize(size);
    const rule = size.columns - 1;
    expect(await screen.text()).toBe(
      ['first', 'second', 'third', '-'.repeat(rule), 'middle', '='.repeat(rule)].join('\n'),
    );
    live.close();
    expect(await screen.text()).toBe('first\nsecond\nthird');
  });

  test('a terminal that becomes narrower keeps what was printed and shows the frame whole', async () => {
    const { screen, out, resize } = aTerminal();
    const live = openLiveScreen(out);
    for (const line of ['first', 'second', 'third']) live.print(line);
    live.show(({ width }) => ['-'.repeat(width), 'middle', '='.repeat(width)]);
    resize({ columns: 20, rows: 10 });
    expect(await screen.text()).toMatch(/^first\nsecond\nthird\n[-\n]*\n-{19}\nmiddle\n={19}$/);
    live.close();
    expect(await screen.text()).toMatch(/^first\nsecond\nthird[-\n]*$/);
  });

  test('a frame that is higher than the terminal is cut, and nothing scrolls away', async () => {
    const { screen, out } = aTerminal({ rows: 4 });
    const live = openLiveScreen(out);
    live.show(() => ['1', '2', '3', '4', '5', '6']);
    live.show(() => ['1', '2', 'three', '4', '5', '6']);
    expect(await screen.text()).toBe('1\n2\nthree');
    live.close();
  });
});

test('in a pipe lines are lines and frames are nothing', () => {
  const { screen, out } = aTerminal();
  const live = openLiveScreen(Object.assign(out, { isTTY: false }));
  live.print('a line');
  live.show(() => ['a frame']);
  live.close();
  expect(screen.raw()).toBe('a line\n');
});

describe('the screen of a session', () => {
  const expected = { expected_running_seconds: 40, expected_ready_seconds: 130 };
  const failure = { kind: 'cdi-error', whose: 'host' as const, message: 'The GPU could not be handed over' };
  const booting = aStatus({
    state: 'BOOTING',
    attempts: [
      anAttempt({ phase: 'gone', ended_at: at(20), failure }),
      anAttempt({
        ...{ attempt: 2, label: 'second', phase: 'booting', instance_id: 9002, ...expected },
        ...{ started_at: at(22), created_at: at(24) },
      }),
    ],
    budget: { limit_usd: 2, spent_usd: 0.5, reserved_usd: 2, projected_breach_at: at(7_200) },
  });
  const lines = (status = booting, width = 80, seconds = 34) =>
    sessionScreen(status, { nowMs: atMs(seconds), width }, ['Ctrl-C leaves.']).map(stripVTControlCharacters);

  test('shows what failed and why, what goes on and how long it should take', () => {
    const shown = lines().join('\n');
    expect(shown).toMatch(/✗ attempt 1 +0:18 +failed on RTX 4090, machine 501: The GPU/);
    expect(shown).toMatch(/booting +0:10 of about 0:40/);
    expect(shown).toMatch(/· starting vLLM +about 1:30/);
    expect(shown).toMatch(/spent +███░+ \$0\.50 of \$2\.00, at this rate until .*\(in 1 h 59 min\)/);
  });

  test('counts the keep-alive down', () => {
    expect(lines(aReadyStatus(), 80, 100).join('\n')).toMatch(/keep-alive +ends in 44:55, at .*each use/);
  });

  test.each([40, 60, 80, 120])('its steps fit %d columns', (width) => {
    const steps = lines(booting, width).filter((line) => /^ {2}[✓✗⠀-⣿·]/.test(line));
    expect(steps.length).toBeGreaterThan(4);
    expect(steps.filter((line) => line.length > width)).toEqual([]);
  });
});

import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { visibleLength } from '../../src/cli/layout.ts';
import { changeLines, type Overview, overviewLines, periodText } from '../../src/cli/up/watch-sessions.ts';
import { idleView, type SessionView } from '../../src/domain/session.ts';

const nowMs = Date.parse('2026-03-01T12:00:00Z');

function aView(set: Partial<SessionView> = {}): SessionView {
  return {
    ...idleView('default'),
    state: 'READY',
    gpu: 'RTX 4090',
    usdPerHour: 0.304,
    model: 'Qwen/Qwen2.5-7B-Instruct',
    keepAliveUntilMs: nowMs + 300_000,
    budget: { limitUsd: 2, spentUsd: 0.25, reservedUsd: 2, projectedBreachAtMs: null },
    ...set,
  };
}

function anOverview(set: Partial<Overview> = {}): Overview {
  const budget = {
    ...{ limitUsd: 15, spentUsd: 3, reservedUsd: 2, freeUsd: 10, period: 'month', periodEndMs: null },
    ...{ alerts: [], alertsFired: 0, projectedBreachAtMs: null },
  };
  return { views: [aView()], unshown: 0, budget, ...set };
}

function shown(overview: Overview, width = 100): string {
  return overviewLines(overview, { nowMs, width }).map(stripVTControlCharacters).join('\n');
}

test('open sessions stand with what they spent and when they end, the budget of all below', () => {
  expect(shown(anOverview())).toMatch(/default +READY +RTX 4090 +0\.304 +\$0\.25 +\$2\.00 +5:00 +Qwen/);
  expect(shown(anOverview())).toMatch(/budget ███░+ \$3\.00 spent and \$2\.00 reserved of \$15\.00 a month/);
});

test('without any it says how to begin, and many are counted', () => {
  expect(shown(anOverview({ views: [], budget: null }))).toBe(
    'No session is open: leash launch, in another terminal.',
  );
  expect(shown(anOverview({ unshown: 3 }))).toContain('and 3 sessions more: leash sessions');
});

test.each([50, 60, 80])('the table fits %d columns', (width) => {
  const [title = '', row = ''] = overviewLines(anOverview(), { nowMs, width });
  expect(Math.max(visibleLength(title), visibleLength(row))).toBeLessThanOrEqual(width);
});

test('in a pipe each change of a session is a line, and nothing else is', () => {
  const before = [aView({ state: 'BOOTING' }), aView({ session: 'night' })];
  const lines = changeLines(before, [aView()], nowMs).map((line) => line.slice(10));
  expect(lines).toEqual(['default: READY on RTX 4090 at $0.304/h, $0.25 spent', 'night: ended']);
  expect(changeLines([aView()], [aView()], nowMs)).toEqual([]);
});

test.each([
  ['month', 'a month'],
  ['none', 'in all'],
  ['7d', 'in 7 days'],
])('a budget period of %s reads %s', (period, text) => {
  expect(periodText(period)).toBe(text);
});

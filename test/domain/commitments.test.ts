import { describe, expect, test } from 'vitest';
import { type Attempt, attemptsOfLaunch, openAttempt } from '../../src/domain/attempt.ts';
import { affords } from '../../src/domain/budget.ts';
import { commitmentsOf } from '../../src/domain/commitments.ts';
import { aChoice } from '../support/builders.ts';

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 2, 10, 12);
const CHOICE = aChoice({ usdPerHour: 1, trafficUsd: 0.3 });

function anAttempt(set: Partial<Attempt> = {}): Attempt {
  return { ...openAttempt({ attempt: 1, label: 'a', choice: CHOICE, nowMs: NOW }), ...set };
}

/** Rented an hour ago at 1 $/h, its download billed. */
function aRented(set: Partial<Attempt> = {}): Attempt {
  const opened = anAttempt({ phase: 'starting-vllm', createSentAtMs: NOW - HOUR, ...set });
  const moments = { createdAtMs: NOW - HOUR, runningAtMs: NOW - HOUR };
  const prices = { gpuUsdPerHour: 0.9, storageUsdPerHour: 0.1, downloadUsdPerGb: 0.01 };
  return { ...opened, meter: { ...opened.meter, ...moments, ...prices, downloadMb: 10_000 } };
}

const bound = (attempts: Attempt[], more: object = {}) =>
  commitmentsOf({ attempts, nowMs: NOW, budgetUsd: 5, marginMs: HOUR / 10, ...more });

describe('what a session is bound to', () => {
  test('is the price and the download of a lane that waits for its grant', () => {
    expect(bound([anAttempt()])).toMatchObject({ burnUsdPerHour: 1, spentUsd: 0.3 });
  });

  test('is the same for an offer that a lane has taken and not opened, once', () => {
    expect(bound([], { promised: [CHOICE] })).toMatchObject({ burnUsdPerHour: 1, spentUsd: 0.3 });
    expect(bound([anAttempt()], { promised: [CHOICE] })).toMatchObject({ burnUsdPerHour: 1, spentUsd: 0.3 });
  });

  test('is what was spent and the rest of the download while it starts', () => {
    const { spentUsd, burnUsdPerHour } = bound([aRented()]);
    expect(spentUsd).toBeCloseTo(1 + 0.1 + 0.2, 9);
    expect(burnUsdPerHour).toBeCloseTo(1, 9);
    expect(bound([aRented({ phase: 'ready' })]).spentUsd).toBeCloseTo(1.1, 9);
  });

  test('leaves out the one that is asked about, cost and all', () => {
    const attempt = aRented();
    expect(bound([attempt], { except: attempt })).toMatchObject({ spentUsd: 0, burnUsdPerHour: 0 });
  });

  test('counts what was given back for the margin alone, until that has passed', () => {
    const next = { usdPerHour: 1, trafficUsd: 0, keepAliveMs: 2 * HOUR };
    const lost = (agoMs: number) => aRented({ phase: 'destroying', destroyAcceptedAtMs: NOW - agoMs });
    // 1.1 spent, 2.1 h of the next, 0.1 h of the lost.
    expect(affords(bound([lost(0)]), next).neededUsd).toBeCloseTo(1.1 + 2.1 + 0.1, 9);
    expect(affords(bound([lost(HOUR / 10)]), next).neededUsd).toBeCloseTo(1.1 + 2.1 + 2.1, 9);
    expect(affords(bound([aRented({ phase: 'destroying' })]), next).neededUsd).toBeCloseTo(5.3, 9);
  });
});

test('attempts are counted from the last one that served for longer than a start may take', () => {
  const served = (ms: number) => anAttempt({ readyAtMs: NOW, destroySentAtMs: NOW + ms });
  const failed = anAttempt();
  expect(attemptsOfLaunch([failed, served(HOUR), failed, failed], HOUR / 4)).toHaveLength(2);
  // Lost again and again right after READY is one launch that fails.
  expect(attemptsOfLaunch([failed, served(HOUR / 8), failed], HOUR / 4)).toHaveLength(3);
  expect(attemptsOfLaunch([], HOUR / 4)).toEqual([]);
});

import { expect, test } from 'vitest';
import { aLaunch, startStack } from '../support/stack.ts';

/** The documented waits between two calls, a tenth as long: what the market refuses by and what Leash keeps to. */
const RATE_SCALE = 0.1;
const SESSIONS = 20;
/** Twenty lives of seconds each; on a machine that does other work as well they take minutes. */
const LIMIT = { timeout: 400_000 };
const ENDED_MS = 300_000;

test(
  'twenty sessions at once, under the market’s limits: each serves and ends, and none is rented twice',
  LIMIT,
  async () => {
    await using stack = await startStack({
      simulator: { rateScale: RATE_SCALE },
      settings: {
        LEASH_RATE_SCALE: String(RATE_SCALE),
        VASTAI_BUDGET_LIMIT: '40',
        // Twenty orders stand in one queue; none has failed because it waits there.
        LEASH_LAUNCH_MINUTES: '3',
      },
    });
    const { api, books, market } = stack;
    const before = market.requests().length;
    const names = Array.from({ length: SESSIONS }, (_, index) => `s${index}`);
    await Promise.all(names.map((session) => api.launched(aLaunch({ session, keep_alive_minutes: 0.1 }))));
    const receipts = await Promise.all(names.map((session) => api.ended(session, ENDED_MS)));

    expect(receipts.map(({ outcome, reason }) => `${outcome}: ${reason}`)).toEqual(
      names.map(() => 'completed: idle'),
    );
    await books.expectNoneAlive();
    await books.expectNoDoubleRent();
    await books.expectStrangersUntouched();

    const calls = Map.groupBy(market.requests().slice(before), ({ call }) => call ?? 'other');
    // A create is never sent twice for one attempt; what is refused by the rate made no attempt of its own.
    const attempts = receipts.flatMap((receipt) => receipt.attempts);
    const sent = (calls.get('create') ?? []).filter(({ status }) => status !== 429);
    expect(sent.length).toBeLessThanOrEqual(attempts.length);
    // One list for all, and one search for all: neither is asked once a session.
    expect(calls.get('search')?.length).toBeLessThanOrEqual(SESSIONS / 2);
    // Evenly sent calls still arrive unevenly where a tenth of the wait is a few milliseconds; more is no pacing.
    for (const [call, all] of calls) {
      const refused = all.filter(({ status }) => status === 429).length;
      expect(refused, `${call} refused for its rate, of ${all.length}`).toBeLessThanOrEqual(
        Math.max(2, all.length / 5),
      );
    }
  },
);

test(
  'twenty launches all find a machine, though all are shown the same best offers and no create is answered yet',
  LIMIT,
  async () => {
    await using stack = await startStack({ settings: { VASTAI_BUDGET_LIMIT: '40' } });
    const { api, books } = stack;
    await stack.faults({ call: 'create', fault: 'slow-reply', seconds: 8, times: SESSIONS });
    const names = Array.from({ length: SESSIONS }, (_, index) => `s${index}`);
    await Promise.all(names.map((session) => api.launched(aLaunch({ session, keep_alive_minutes: 0.05 }))));
    const receipts = await Promise.all(names.map((session) => api.ended(session, ENDED_MS)));
    expect(receipts.map(({ outcome, reason }) => `${outcome}: ${reason}`)).toEqual(
      names.map(() => 'completed: idle'),
    );
    await books.expectNoneAlive();
  },
);

import { expect, test } from 'vitest';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

/** As many as a run of all tests has time for; `npm run bench:money` tries two hundred times. */
const TRIES = Number(process.env.LEASH_MONEY_TRIES ?? 50);

test(`of two launches at the same moment with money for one, one is taken on: ${TRIES} times over`, async () => {
  await using stack = await startStack({
    settings: {
      VASTAI_BUDGET_LIMIT: '1',
      VASTAI_SESSION_BUDGET_LIMIT: '0.6',
      VASTAI_MAX_SEARCH_RETRIES: '1000',
    },
  });
  const { api, books } = stack;
  let judgedLate = 0;
  for (let round = 1; round <= TRIES; round += 1) {
    const names = [`left-${round}`, `right-${round}`];
    // Nothing costs so little: they hold their reservations, and rent nothing.
    const launch = aLaunch({ budget_usd: 0.6, max_usd_per_hour: 0.001 });
    const answers = await Promise.all(names.map((session) => api.launch({ ...launch, session })));
    // A worker too busy to judge within five seconds leaves a launch that is judged afterwards.
    const isLate = answers.some(({ status, body }) => status === 202 && body.accepted !== true);
    if (isLate) judgedLate += 1;
    else expect(answers.map(({ status }) => status).sort()).toEqual([202, 402]);
    for (const { body } of answers.filter(({ status }) => status === 402)) {
      expect(body.kind).toBe('over-budget');
      for (const number of ['$0.60', '$1.00', '$0.00']) expect(body.detail).toContain(number);
    }
    const taken = await Promise.all(names.map((session) => isTakenOn(api, session)));
    expect(taken.filter(Boolean), `taken on in round ${round}`).toHaveLength(1);
    expect((await api.destroy(names[taken.indexOf(true)] ?? '', 20)).status).toBe(200);
  }
  expect(judgedLate).toBeLessThan(TRIES / 10);
  expect(await books.ours()).toEqual([]);
  const budget = await api.admin<{ reserved_usd: number; spent_usd: number }>('GET', 'budget');
  expect(budget.body).toMatchObject({ reserved_usd: 0, spent_usd: 0 });
}, 600_000);

/** Whether it was, once that is known: refused, it has ended over budget. */
async function isTakenOn(api: Stack['api'], session: string): Promise<boolean> {
  const { accepted } = await api.until(session, 'is judged', ({ accepted }) => accepted !== null);
  return accepted === true;
}

test('a session ends over budget in time, inside its budget by the provider’s own books', async () => {
  const marginSeconds = 6;
  await using stack = await startStack({
    settings: { LEASH_TEARDOWN_MARGIN_SECONDS: String(marginSeconds), LEASH_METER_SECONDS: '1' },
  });
  const { api, books } = stack;
  // What the download costs on this machine is known once it was done there.
  // Four GPUs spend four times as fast, and the test is over sooner.
  await api.launched(aLaunch({ session: 'before', num_gpus: 4 }));
  const known = await api.supervised('before');
  const before = await api.destroyed('before');
  await books.expectAllWell(before);
  const perSecondUsd = (known.usd_per_hour ?? 0) / 3_600;
  // What a download will cost is reckoned a little high; the rest buys twenty seconds and the margin.
  const budgetUsd = before.usd.bandwidth * 1.045 + perSecondUsd * (20 + marginSeconds);

  await api.launched(
    aLaunch({
      session: 'small',
      budget_usd: budgetUsd,
      keep_alive_minutes: 0.2,
      num_gpus: 4,
      // A search of its own: the shared one does not know yet that the machine is free again.
      max_usd_per_hour: 2,
      machines: [known.machine_id ?? 0],
    }),
  );
  await api.ready('small');
  // Used all the while: only money ends it.
  await api.until('small', 'has ended', ({ receipt }) => {
    void api.chat().catch(() => undefined);
    return receipt !== null;
  });
  const receipt = await api.ended('small');
  expect(receipt.outcome).toBe('over-budget');
  expect(receipt.reason).toMatch(/budget/);
  const chargedUsd = await books.chargedUsd(receipt);
  expect(chargedUsd).toBeLessThanOrEqual(budgetUsd);
  expect(chargedUsd).toBeGreaterThan(budgetUsd - perSecondUsd * (marginSeconds + 12));
  await books.expectAllWell(receipt);
});

test('a budget that carries no offer for one keep-alive is said to be too small, and nothing is rented', async () => {
  await using stack = await startStack();
  const { api, books } = stack;
  await api.launched(aLaunch({ budget_usd: 0.01, keep_alive_minutes: 45 }));
  const receipt = await api.ended('default');
  expect(receipt.outcome).toBe('over-budget');
  expect(receipt.reason).toMatch(/the budget is \$0\.0100/);
  expect(await books.ours()).toEqual([]);
});

test('an extension beyond the budget is refused with the numbers, and one beyond the lifetime with both moments', async () => {
  await using stack = await startStack();
  const { api, books } = stack;
  await api.launched(aLaunch({ budget_usd: 0.5, max_lifetime_minutes: 10_000 }));
  const ready = await api.supervised('default');
  // A little more than all of the budget buys at this price.
  const tooDear = await api.extend('default', (0.5 / (ready.usd_per_hour ?? 1)) * 60);
  expect(tooDear.status).toBe(402);
  expect(tooDear.body).toMatchObject({ kind: 'over-budget' });
  expect(tooDear.body.detail).toContain('$0.50');
  const tooLong = await api.extend('default', 9_999);
  expect(tooLong.status).toBe(409);
  expect(tooLong.body.kind).toBe('conflict');
  expect(tooLong.body.detail.match(/\d{4}-\d\d-\d\dT/g)?.length).toBeGreaterThanOrEqual(2);
  expect((await api.status('default')).keep_alive_until).toBe(ready.keep_alive_until);
  await books.expectAllWell(await api.destroyed('default'));
});

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { BudgetAnswer, ProblemAnswer } from '../../src/admin/answers.ts';
import { settingsSchema } from '../../src/config.ts';
import { startSimulator } from '../../src/simulator/simulator.ts';
import { startWorkerProcess } from '../support/processes.ts';
import { aLaunch, type Stack, type StackOptions, startStack } from '../support/stack.ts';

/** Every `VASTAI_*` setting, by what a session does otherwise because of it. */

type Shown = {
  readonly so: string;
  /** Left out where another file has the test, which names the setting. */
  readonly show?: () => Promise<void>;
  readonly shownIn?: string;
};

/** Nothing costs so little: it holds its reservation and rents nothing. */
const WAITING = aLaunch({ max_usd_per_hour: 0.001 });

const SETTINGS: Readonly<Record<string, Shown>> = {
  VASTAI_API_KEY: {
    so: 'a worker starts with the account’s key, and says which setting is wrong with another',
    show: () =>
      on({ worker: 'none', simulator: { key: 'the-key-of-the-account' } }, async (stack) => {
        const wrong = { ...stack.environment, VASTAI_API_KEY: 'somebody-elses' };
        await expect(startWorkerProcess(wrong)).rejects.toThrow(/VASTAI_API_KEY/);
        await stack.workerProcess();
      }),
  },
  VASTAI_API_URL: {
    so: 'instances are rented at this market, and at no other',
    show: () =>
      on({ worker: 'none' }, async ({ api, books, environment, owner }) => {
        await using other = await startSimulator({ timeScale: 300, rateScale: 0, restlessness: 0 });
        const there = { ...environment, VASTAI_API_URL: other.url, VASTAI_API_KEY: other.key };
        const worker = await startWorkerProcess(there);
        try {
          await api.launched(aLaunch());
          await api.ready('default');
          await api.destroyed('default');
        } finally {
          await worker.kill();
        }
        const rented = other.contracts().filter(({ label }) => label?.startsWith(`leash.${owner}.`));
        expect(rented).toHaveLength(1);
        expect(await books.ours()).toEqual([]);
      }),
  },
  VASTAI_BUDGET_LIMIT: {
    so: 'what all sessions together may spend is refused beyond it',
    show: () =>
      on({ VASTAI_BUDGET_LIMIT: '0.8', VASTAI_SESSION_BUDGET_LIMIT: '0.5' }, async ({ api }) => {
        await api.launched({ ...WAITING, session: 'first', budget_usd: 0.5 });
        const second = await api.launch({ ...WAITING, session: 'second', budget_usd: 0.5 });
        expect(second.status).toBe(402);
        expect(second.body.detail).toContain('$0.80');
        // It is the sum that counts.
        await api.launched({ ...WAITING, session: 'third', budget_usd: 0.3 });
      }),
  },
  VASTAI_SESSION_BUDGET_LIMIT: {
    so: 'it is the budget of a session that names none, and the ceiling of one that does',
    show: () =>
      on({ VASTAI_SESSION_BUDGET_LIMIT: '0.7' }, async ({ api }) => {
        const { body } = await api.launch({ max_usd_per_hour: 0.001 });
        expect(body.budget.limit_usd).toBe(0.7);
        const dearer = await api.launch({ ...WAITING, session: 'dearer', budget_usd: 0.71 });
        expect(dearer.status).toBe(400);
        expect(dearer.body.problems?.map(({ field }) => field)).toEqual(['budget_usd']);
      }),
  },
  VASTAI_BUDGET_PERIOD: {
    so: 'spending starts again from zero after it, or never',
    show: async () => {
      const periodOf = async ({ api }: Stack) => (await api.admin<BudgetAnswer>('GET', 'budget')).body;
      await on({ VASTAI_BUDGET_PERIOD: '3d' }, async (stack) => {
        const { period, period_ends_at } = await periodOf(stack);
        const daysLeft = (Date.parse(period_ends_at ?? '') - Date.now()) / 86_400_000;
        expect(period).toBe('3d');
        expect(daysLeft).toBeGreaterThan(0);
        expect(daysLeft).toBeLessThanOrEqual(3);
      });
      await on({ VASTAI_BUDGET_PERIOD: 'none' }, async (stack) => {
        expect(await periodOf(stack)).toMatchObject({ period: 'none', period_ends_at: null });
      });
    },
  },
  VASTAI_DEFAULT_KEEP_ALIVE_MINUTES: {
    so: 'a session that names no keep-alive ends so long after its last use',
    show: () =>
      on({ VASTAI_DEFAULT_KEEP_ALIVE_MINUTES: '0.1' }, async ({ api }) => {
        await api.launched({ budget_usd: 1 });
        const { outcome, reason, ready_at, ended_at } = await api.ended('default');
        expect({ outcome, reason }).toEqual({ outcome: 'completed', reason: 'idle' });
        const servedSeconds = (Date.parse(ended_at ?? '') - Date.parse(ready_at ?? '')) / 1_000;
        expect(servedSeconds).toBeGreaterThanOrEqual(6);
      }),
  },
  VASTAI_MAX_STARTUP_TIME_MINUTES: {
    so: 'an attempt that is not READY by then is given back',
    show: () =>
      on(
        { settings: { VASTAI_MAX_STARTUP_TIME_MINUTES: '0.15' }, policy: { bootTimeFactor: 1 / 300 } },
        async ({ api, faults, labelPrefix }) => {
          await faults({ fault: 'vllm-never-ready', label_prefix: labelPrefix('default'), times: 1 });
          await api.launched(aLaunch());
          const { attempts } = await api.ready('default');
          const [failed] = attempts;
          expect(failed?.failure?.kind).toMatch(/timeout/);
          const seconds = (Date.parse(failed?.ended_at ?? '') - Date.parse(failed?.started_at ?? '')) / 1_000;
          expect(seconds).toBeGreaterThan(4);
          // Its nine seconds, and the teardown; the default of a quarter of an hour is far off.
          expect(seconds).toBeLessThan(40);
          await api.destroyed('default');
        },
      ),
  },
  VASTAI_AUTO_DESTROY_ON_ERROR: {
    so: 'a READY model that fails three looks is destroyed; false: it is kept, status says that it fails, and it may come back',
    show: async () => {
      const flap = async ({ api, faults, labelPrefix }: Stack) => {
        await faults({ fault: 'vllm-flaps', label_prefix: labelPrefix('default'), seconds: 14 });
        await api.launched(aLaunch());
        await api.ready('default');
      };
      await on({ VASTAI_AUTO_DESTROY_ON_ERROR: 'true' }, async (stack) => {
        await flap(stack);
        expect((await stack.api.ended('default')).outcome).toBe('unhealthy');
      });
      await on({ VASTAI_AUTO_DESTROY_ON_ERROR: 'false' }, async (stack) => {
        const { api, books } = stack;
        await flap(stack);
        const failing = await api.until(
          'default',
          'fails',
          ({ health }) => (health?.consecutive_failures ?? 0) > 3,
        );
        expect(failing.state).toBe('READY');
        expect((await books.ours()).map(({ destroy_requested_at }) => destroy_requested_at)).toEqual([null]);
        await api.until('default', 'is back', ({ health }) => health?.consecutive_failures === 0);
        expect((await api.destroyed('default')).reason).toBe('requested');
      });
    },
  },
  VASTAI_AUTO_DESTROY_ON_SHUTDOWN: {
    so: 'stopping `npm start` ends its sessions, or leaves them',
    shownIn: 'test/cli/up.test.ts',
  },
  VASTAI_HEALTH_CHECK_INTERVAL_SECONDS: {
    so: 'supervision looks at the model so often, and not oftener',
    show: () =>
      on({ VASTAI_HEALTH_CHECK_INTERVAL_SECONDS: '5' }, async ({ api }) => {
        await api.launched(aLaunch());
        const lookAfter = async (before: string) => {
          const { health } = await api.until(
            'default',
            'is looked at again',
            ({ health }) => (health.last_ok_at ?? '') > before,
          );
          return health.last_ok_at ?? '';
        };
        const first = (await api.supervised('default')).health.last_ok_at ?? '';
        const second = await lookAfter(first);
        const third = await lookAfter(second);
        const seconds = (Date.parse(third) - Date.parse(second)) / 1_000;
        expect(seconds).toBeGreaterThan(4.5);
        expect(seconds).toBeLessThan(20);
        await api.destroyed('default');
      }),
  },
  VASTAI_SEARCH_TIMEOUT_SECONDS: {
    so: 'a market that does not answer a search is given up on after it',
    show: () =>
      on({ VASTAI_SEARCH_TIMEOUT_SECONDS: '1' }, async ({ api, faults }) => {
        await faults({ call: 'search', fault: 'slow-reply', seconds: 60, times: 0 });
        const askedAtMs = performance.now();
        const answer = await api.admin<ProblemAnswer>('GET', 'offers');
        expect(answer.status).toBe(502);
        expect(answer.body.kind).toBe('market-unreachable');
        expect(performance.now() - askedAtMs).toBeLessThan(25_000);
      }),
  },
  VASTAI_MAX_SEARCH_RETRIES: {
    so: 'an empty search is repeated so often before the launch fails',
    show: async () => {
      const secondsWith = async (retries: string): Promise<number> => {
        let seconds = Number.NaN;
        await on(
          { settings: { VASTAI_MAX_SEARCH_RETRIES: retries }, policy: { searchPauseMs: 3_000 } },
          async ({ api }) => {
            await api.launched(WAITING);
            const receipt = await api.ended('default');
            expect(receipt.outcome).toBe('launch-failed');
            seconds = (Date.parse(receipt.ended_at ?? '') - Date.parse(receipt.started_at)) / 1_000;
          },
        );
        return seconds;
      };
      expect(await secondsWith('2')).toBeGreaterThanOrEqual(6);
      expect(await secondsWith('0')).toBeLessThan(6);
    },
  },
};

const VASTAI_NAMES = Object.keys(settingsSchema.shape).filter((name) => name.startsWith('VASTAI_'));

test('each VASTAI_* setting there is has its test here', () => {
  expect(Object.keys(SETTINGS).sort()).toEqual(VASTAI_NAMES.toSorted());
});

describe.each(Object.entries(SETTINGS))('%s', (name, { so, show, shownIn }) => {
  test(so, { timeout: 180_000 }, async () => {
    if (show !== undefined) return show();
    expect(readFileSync(shownIn ?? '', 'utf8')).toContain(name);
  });
});

/** Runs on a stack with these settings, or these options. */
async function on(
  given: StackOptions | Readonly<Record<`VASTAI_${string}`, string>>,
  run: (stack: Stack) => Promise<void>,
): Promise<void> {
  const isSettings = Object.keys(given).every((name) => name.startsWith('VASTAI_'));
  const options = isSettings ? { settings: given as Record<string, string> } : (given as StackOptions);
  await using stack = await startStack(options);
  await run(stack);
}

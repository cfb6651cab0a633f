import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { AccessTokens } from '../../src/access-tokens.ts';
import { serveWorkerProbes } from '../../src/worker-probes.ts';
import { eventually } from '../support/eventually.ts';
import { startWorkerProcess } from '../support/processes.ts';
import { aLaunch, startStack } from '../support/stack.ts';

test('a worker alone tells of attempts, phases, failures and the calls it made', async () => {
  await using stack = await startStack({ worker: 'none' });
  const port = 20_000 + (process.pid % 20_000);
  await using _ = await closing(
    await startWorkerProcess({ ...stack.environment, LEASH_WORKER_PORT: String(port) }),
  );
  const url = `http://127.0.0.1:${port}`;
  await eventually(
    'it answers',
    () =>
      fetch(`${url}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      ),
    20_000,
  );
  await stack.faults({ call: 'create', fault: 'offer-gone', times: 1 });
  await stack.faults({ call: 'list', fault: 'too-many', times: 1 });
  await stack.api.launched(aLaunch());
  await stack.api.ready('default');
  await stack.api.destroyed('default');

  const text = await (await fetch(`${url}/metrics`)).text();
  expect(text).toMatch(/^leash_attempts_total 2$/m);
  expect(text).toMatch(/^leash_attempt_failures_total\{kind="offer-gone",whose="market"\} 1$/m);
  for (const phase of ['searching', 'booting', 'starting-vllm'])
    expect(text).toMatch(
      new RegExp(`^leash_phase_duration_seconds_count\\{phase="${phase}",result="\\S+"\\} [1-9]`, 'm'),
    );
  expect(text).toMatch(/^leash_market_calls_total\{call="create",result="created"\} 1$/m);
  expect(text).toMatch(/^leash_market_calls_total\{call="list",result="too-many"\} 1$/m);
  expect(text).toMatch(/^leash_market_pacing_wait_seconds_count\{call="destroy"\} [1-9]/m);
  expect(text).toMatch(/^process_cpu_seconds_total /m);
  expect((await fetch(`${url}/else`)).status).toBe(404);
});

test('the server tells of the reaper’s last run', async () => {
  await using stack = await startStack();
  const expired = Math.floor(Date.now() / 1_000) - 3_600;
  await stack.rentForOthers([`leash.${stack.owner}.ghost.abcdefghij.1.x${expired}`]);
  await stack.stopWorker();
  await stack.startWorker();
  const text = await eventually(
    'the reaper’s run is told',
    async () => {
      const scraped = await (await fetch(`${stack.api.url}/metrics`)).text();
      if (/^leash_reaper_instances\{result="destroyed"\} 1$/m.test(scraped)) return scraped;
      await delay(1_000);
      return null;
    },
    40_000,
  );
  expect(text).toMatch(/^leash_reaper_last_run_timestamp_seconds 1\d{9}/m);
});

test('lines about a rental say which session, attempt and instance', async () => {
  await using stack = await startStack({ settings: { LEASH_LOG_LEVEL: 'debug' } });
  await stack.api.launched(aLaunch());
  const { instance_id: instance } = await stack.api.ready('default');
  await stack.api.destroyed('default');
  const lines = stack.log.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toContainEqual(
    expect.objectContaining({
      msg: 'activity answered',
      activity: 'awaitRunning',
      session: 'default',
      attempt: 1,
      instance,
    }),
  );
  expect(lines).toContainEqual(
    expect.objectContaining({ msg: 'market call', call: 'create', session: 'default', attempt: 1 }),
  );
  expect(lines).toContainEqual(expect.objectContaining({ msg: 'market call', call: 'destroy', instance }));
});

test('a worker’s metrics are for this machine and for who holds the token', async () => {
  const metrics = { contentType: 'text/plain', text: async () => 'x 1\n' };
  const probes = await serveWorkerProbes(metrics, new AccessTokens({ adminToken: 'a-token-of-tests' }), {
    host: '127.0.0.1',
    port: 0,
  });
  await using _ = await closing({ kill: probes.close });
  expect(await (await fetch(`${probes.url}/metrics`)).text()).toBe('x 1\n');
  expect(await (await fetch(`${probes.url}/healthz`)).json()).toEqual({ status: 'ok' });
});

async function closing(child: { kill(): Promise<unknown> }): Promise<AsyncDisposable> {
  return {
    [Symbol.asyncDispose]: async () => {
      await child.kill();
    },
  };
}

import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { describe, expect, test } from 'vitest';
import { reserveFreePort } from '../../src/simulator/serving/free-port.ts';
import { startPortForwarder } from '../../src/simulator/serving/port-forwarder.ts';
import { type ProcessGroup, startProcessGroup } from '../../src/simulator/serving/process-group.ts';
import { writeVllmWrapper } from '../../src/simulator/serving/vllm-wrapper.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { composeLaunch, ONSTART_BYTES_MAX } from '../../src/vllm/launch-script.ts';
import { aMarket, aRenter, recordOf } from '../simulator/renter.ts';
import { aCertificate } from '../simulator/serving/certificate.ts';
import { eventually } from '../support/eventually.ts';

/** The start script is run by bash as in a container, beside a market where the instance is on the books. */
const SILENCE_MS = 3_000;
const OFTEN_MS = 500;
const SOON_MS = 30_000;

describe.concurrent('the guard in an instance', { timeout: 90_000 }, () => {
  test('it ends an instance whose lease is renewed no more, and no other', async () => {
    await using container = await aContainer();
    await container.served();
    await container.renewFor(2 * SILENCE_MS);
    expect(container.record()).toMatchObject({ destroy_requested_at: null });
    const renewedAtMs = Date.now();
    await container.ended();
    expect(Date.now() - renewedAtMs).toBeGreaterThan(SILENCE_MS - OFTEN_MS);
    expect(container.record()).toMatchObject({ destroyed_by: 'instance' });
    expect(container.others().map(({ destroy_requested_at }) => destroy_requested_at)).toEqual([null]);
    expect(container.log()).toContain('leash-guard: ending this instance: nobody has renewed its lease');
  });

  test('it watches a server with TLS too, whose certificate names no address', async () => {
    const { key, cert } = await aCertificate();
    await using container = await aContainer({ tls: { certificatePem: cert, keyPem: key } });
    await container.served();
    await container.renewFor(2 * SILENCE_MS);
    expect(container.record()).toMatchObject({ destroy_requested_at: null });
    await container.ended();
  });

  test('calls without the key, preflights and work for users renew nothing', async () => {
    await using container = await aContainer();
    await container.served();
    await container.renew();
    const untilMs = Date.now() + SOON_MS;
    while (container.record().destroy_requested_at === null && Date.now() < untilMs) {
      await container.call('GET', '/v1/models', null).catch(() => undefined);
      await container.call('GET', '/health', null).catch(() => undefined);
      await container.call('OPTIONS', '/v1/models', null).catch(() => undefined);
      await container.call('POST', '/v1/completions', 'key').catch(() => undefined);
      await wait(OFTEN_MS);
    }
    expect(container.record()).toMatchObject({ destroyed_by: 'instance' });
  });

  test('an instance that is not served in time ends', async () => {
    await using container = await aContainer({ bootMs: 2_000, loadMs: 600_000 });
    await container.ended();
    expect(container.log()).toContain('it was not served in time');
  });

  test('until it was first served it has the longer time of the boot', async () => {
    await using container = await aContainer({ bootMs: 600_000 });
    await container.served();
    await wait(2 * SILENCE_MS);
    expect(container.record()).toMatchObject({ destroy_requested_at: null });
    await container.renew();
    await container.ended();
  });

  test('past the expiry of its label it ends, however often it is renewed', async () => {
    await using container = await aContainer({ lifeMs: 6_000 });
    await container.served();
    await container.renewFor(SOON_MS, () => container.record().destroy_requested_at !== null);
    expect(container.record()).toMatchObject({ destroyed_by: 'instance' });
    expect(container.log()).toContain('its label has expired');
  });

  test('a vLLM that has died renews nothing, and the guard outlives it', async () => {
    await using container = await aContainer();
    await container.served();
    await container.renew();
    await eventually('the guard has seen it', async () => (await container.state()).count === 1, SOON_MS);
    await container.killServer();
    expect(container.record()).toMatchObject({ destroy_requested_at: null });
    await container.ended();
  });

  test('a restart of the container neither ends it nor begins the count anew', async () => {
    await using container = await aContainer({ lifeMs: 12_000, silenceMs: 60_000 });
    await container.served();
    await container.renew();
    const { lived } = await eventually('it has counted', async () => {
      const state = await container.state();
      return state.lived > 4 ? state : null;
    });
    await container.restart();
    await container.served();
    expect(container.record()).toMatchObject({ destroy_requested_at: null });
    const after = await eventually('it counts on', async () => {
      const state = await container.state();
      return state.lived > lived ? state : null;
    });
    expect(after).toMatchObject({ count: 1 });
    await container.ended();
    expect(container.uptimeMs()).toBeLessThan(12_000 + 5_000);
  });

  test('a refused DELETE is repeated, and only then a stop is tried', async () => {
    await using container = await aContainer();
    container.market.addFault({ call: 'destroy', fault: 'destroy-refused', times: 4 });
    await container.served();
    await container.renew();
    await container.ended();
    expect(
      container
        .log()
        .split('PUT accepted')[0]
        ?.match(/DELETE refused/g),
    ).toHaveLength(4);
    expect(container.log()).toContain('PUT accepted');
    expect(container.log().match(/ending this instance/g)?.length).toBeGreaterThan(1);
  });

  test('a host that denies it the network harms nothing: it goes on trying, and ends it in the end', async () => {
    await using container = await aContainer({ isCutOff: true });
    await container.served();
    await container.renew();
    await eventually('it has tried twice', () => /(DELETE failed[\s\S]*){2}/.test(container.log()), SOON_MS);
    expect(await container.call('GET', '/health', null)).toBe(200);
    expect(container.record()).toMatchObject({ destroy_requested_at: null });
    await container.reconnect();
    await container.ended();
  });

  test('renewed after all, it lets go of what it could not end', async () => {
    await using container = await aContainer({ isCutOff: true });
    await container.served();
    await container.renew();
    await eventually('it has tried', () => container.log().includes('DELETE failed'), SOON_MS);
    const renewing = container.renewFor(12_000);
    await eventually('it has seen it', async () => (await container.state()).silent < 2, SOON_MS);
    await container.reconnect();
    await renewing;
    expect(container.record()).toMatchObject({ destroy_requested_at: null });
  });
});

test('with certificate and a long name the script still fits as it is, readable in the console', () => {
  const { onstart } = composeLaunch({
    ...LAUNCH,
    servedName: `organisation/${'model'.repeat(12)}`,
    modelToLoad: `organisation/${'model'.repeat(12)}-AWQ`,
    vllmArgs: ['--max-model-len', '32768', '--quantization', 'awq_marlin'],
    tls: { certificatePem: 'certificate', keyPem: 'key' },
    guard: { apiUrl: 'https://console.vast.ai', bootMs: 900_000, silenceMs: 900_000, lifeMs: 86_400_000 },
  });
  expect(onstart.length).toBeLessThanOrEqual(ONSTART_BYTES_MAX);
  expect(onstart).toContain('def renewals():');
});

test('turned off it is not there, and a container without a key of its own says so', async () => {
  const { onstart, environment } = composeLaunch(LAUNCH);
  expect(`${onstart}${JSON.stringify(environment)}`).not.toMatch(/guard/i);
  await using container = await aContainer({ hasKey: false });
  await container.served();
  await eventually('it says so', () => container.log().includes('nobody guards it'), SOON_MS);
});

const LAUNCH = {
  servedName: 'tiny',
  modelToLoad: 'tiny',
  vllmArgs: [],
  apiKey: 'key',
  label: 'leash.abcdefghij.default.0123456789.1.x1800000000',
};

type Setting = {
  readonly bootMs?: number;
  readonly silenceMs?: number;
  readonly lifeMs?: number;
  readonly loadMs?: number;
  readonly tls?: { readonly certificatePem: string; readonly keyPem: string };
  /** The market's address answers nothing until `reconnect`. */
  readonly isCutOff?: boolean;
  readonly hasKey?: boolean;
};

async function aContainer(set: Setting = {}) {
  const closing = new AsyncDisposableStack();
  const market = await aMarket();
  closing.defer(() => market.close());
  const renter = aRenter(market.url, market.key);
  // What it runs here is this test's to start; to the market it is an instance like any other.
  const other = await renter.rent({ onstart: 'sleep infinity' });
  const [offer] = await renter.search();
  const { new_contract: id, instance_api_key: instanceKey } = (
    await renter.create(offer.id, { onstart: 'sleep infinity' })
  ).json;

  const disk = await mkdtemp(join(tmpdir(), 'leash-guarded-'));
  closing.defer(() => rm(disk, { recursive: true, force: true, maxRetries: 3 }));
  writeVllmWrapper(join(disk, 'bin'));
  const port = await reserveFreePort();
  closing.defer(() => port.release());
  const apiUrl =
    set.isCutOff === true ? await cutOff(market, closing) : { url: market.url, open: async () => {} };
  const { onstart, environment } = composeLaunch({
    ...LAUNCH,
    ...(set.tls === undefined ? {} : { tls: set.tls }),
    guard: {
      apiUrl: apiUrl.url,
      bootMs: set.bootMs ?? 60_000,
      silenceMs: set.silenceMs ?? SILENCE_MS,
      lifeMs: set.lifeMs ?? 600_000,
    },
  });

  let log = '';
  let startedAtMs = 0;
  let group: ProcessGroup;
  const start = async (): Promise<void> => {
    group = await startProcessGroup({
      command: '/bin/bash',
      args: ['-c', onstart],
      cwd: disk,
      mark: randomUUID(),
      onLine: (line) => {
        log += `${line}\n`;
      },
      environment: {
        ...environment,
        PATH: `${join(disk, 'bin')}:/usr/bin:/bin`,
        TMPDIR: disk,
        CONTAINER_ID: String(id),
        ...(set.hasKey === false ? {} : { CONTAINER_API_KEY: instanceKey }),
        LEASH_LISTEN_HOST: '127.0.0.1',
        LEASH_LISTEN_PORT: String(port.port),
        SIM_VLLM_LOAD_MS: String(set.loadMs ?? 0),
      },
    });
  };
  closing.defer(() => group.end(0));
  startedAtMs = Date.now();
  await start();

  const scheme = set.tls === undefined ? 'http' : 'https';
  const agent = new Agent({ connect: { rejectUnauthorized: false } });
  closing.defer(() => agent.destroy());
  const call = async (method: 'GET' | 'OPTIONS' | 'POST', path: string, key: string | null) => {
    const answer = await request(`${scheme}://127.0.0.1:${port.port}${path}`, {
      dispatcher: agent,
      method,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(method === 'POST' ? { 'content-type': 'application/json' } : {}),
        ...(method === 'OPTIONS'
          ? { origin: 'https://example.com', 'access-control-request-method': 'GET' }
          : {}),
      },
      ...(method === 'POST' ? { body: JSON.stringify({ model: 'tiny', prompt: 'Hi', max_tokens: 1 }) } : {}),
      signal: AbortSignal.timeout(5_000),
    });
    await answer.body.dump();
    return answer.statusCode;
  };
  const renew = async (): Promise<void> => {
    expect(await call('GET', '/v1/models', 'key')).toBe(200);
  };
  const record = () => recordOf(market, id);
  return {
    market,
    record,
    others: () => [recordOf(market, other)],
    log: () => log,
    call,
    renew,
    served: () =>
      eventually(
        'it serves',
        async () => (await call('GET', '/health', null).catch(() => 0)) === 200,
        SOON_MS,
      ),
    ended: () =>
      eventually(
        () => `the market has destroyed it; it said: ${log}`,
        () => record().destroyed_at !== null,
        SOON_MS,
      ),
    renewFor: async (durationMs: number, isEnough = () => false) => {
      const untilMs = Date.now() + durationMs;
      while (Date.now() < untilMs && !isEnough()) {
        await renew();
        await wait(OFTEN_MS);
      }
    },
    /** What the guard has written down. */
    state: async (): Promise<{ lived: number; silent: number; count: number }> =>
      eventually('it has written its count down', async () => {
        const text = await readFile(join(disk, `leash-guard-${id}`), 'utf8').catch(() => null);
        return text === null ? null : JSON.parse(text);
      }),
    uptimeMs: () => Date.now() - startedAtMs,
    killServer: async () => {
      process.kill(group.pid, 'SIGKILL');
      await group.mainEnded;
    },
    restart: async () => {
      await group.end(0);
      await start();
    },
    reconnect: apiUrl.open,
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

/** A port in front of the market where nobody listens yet. */
async function cutOff(market: Simulator, closing: AsyncDisposableStack) {
  const gate = await reserveFreePort();
  closing.defer(() => gate.release());
  return {
    url: `http://127.0.0.1:${gate.port}`,
    open: async () => {
      const targetPort = Number(new URL(market.url).port);
      const forwarder = await startPortForwarder({ host: '127.0.0.1', hostPort: gate.port, targetPort });
      closing.defer(() => forwarder.close());
    },
  };
}

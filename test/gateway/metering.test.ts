import fc from 'fast-check';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { AnsweredRequest } from '../../src/domain/gateway-usage.ts';
import { type Metering, type MeteringOptions, openMetering } from '../../src/gateway/metering.ts';
import { startPostgres } from '../support/postgres.ts';
import { type KeyPlace, KINDS, keyPlaces, POSTGRES_BIN } from './keys/places.ts';

const places = keyPlaces();
beforeAll(places.start, 60_000);
afterAll(places.stop);

const NOON = Date.UTC(2026, 2, 1, 12);
const HOUR_MS = 3_600_000;
const DAY = { fromMs: Date.UTC(2026, 2, 1), toMs: Date.UTC(2026, 2, 2) };

function anAnswer(set: Partial<AnsweredRequest> = {}): AnsweredRequest {
  return {
    provider: 'anthropic',
    model: 'opus',
    session: null,
    keyId: 'key_a',
    status: 200,
    seconds: 0.5,
    firstByteSeconds: 0.1,
    promptTokens: 100,
    completionTokens: 50,
    usd: 0.25,
    attempts: 1,
    ...set,
  };
}

/** Its timer never comes: what is written is written when the test says so. */
function open(
  place: KeyPlace,
  more: Partial<Pick<MeteringOptions, 'nowMs' | 'usdPerHourOf' | 'registry' | 'logger'>> = {},
): Metering {
  const metering = openMetering({
    ...place,
    registry: new Registry(),
    logger: pino({ level: 'silent' }),
    flushMs: HOUR_MS,
    nowMs: () => NOON,
    ...more,
  });
  let isOpen = true;
  const close = async () => {
    if (isOpen) await metering.close();
    isOpen = false;
  };
  onTestFinished(close);
  return { ...metering, close };
}

describe.each(KINDS)('what the gateway was used for, in %s', (kind) => {
  const it = test.skipIf(kind === 'PostgreSQL' && POSTGRES_BIN === null);

  it('is summed by provider, model, session and key, and survives the end of a server', async () => {
    const place = places.fresh(kind);
    const before = open(place);
    before.note(anAnswer());
    before.note(anAnswer({ status: 502, usd: 0, completionTokens: 0 }));
    before.note(anAnswer({ provider: 'vastai', model: 'qwen', session: 'default', keyId: null, usd: null }));
    await before.close();
    const after = open(place);
    after.note(anAnswer());
    const { rows, isCut } = await after.usage(DAY);
    expect(isCut).toBe(false);
    expect(rows.sort((a, b) => a.provider.localeCompare(b.provider))).toEqual([
      {
        fromMs: DAY.fromMs,
        ...{ provider: 'anthropic', model: 'opus', session: null, keyId: 'key_a' },
        ...{ requests: 3, failures: 1, promptTokens: 300, completionTokens: 100 },
        ...{ seconds: 1.5, usd: 0.5, unpriced: 0 },
      },
      {
        fromMs: DAY.fromMs,
        ...{ provider: 'vastai', model: 'qwen', session: 'default', keyId: null },
        ...{ requests: 1, failures: 0, promptTokens: 100, completionTokens: 50 },
        ...{ seconds: 0.5, usd: 0, unpriced: 1 },
      },
    ]);
    expect(await after.usage({ fromMs: DAY.toMs, toMs: DAY.toMs + HOUR_MS })).toEqual({
      rows: [],
      isCut: false,
    });
    expect((await open({ ...place, owner: 'strangerxx' }).usage(DAY)).rows).toEqual([]);
  });

  it('is written as often as one likes, and counted once, over the end of an hour and a clock put back', async () => {
    const clock = { ms: NOON };
    const metering = open(places.fresh(kind), { nowMs: () => clock.ms });
    const steps = [0, 0, 10, HOUR_MS, -HOUR_MS, 5, 2 * HOUR_MS, 1];
    for (const step of steps) {
      clock.ms += step;
      metering.note(anAnswer());
      await metering.usage(DAY);
      await metering.usage(DAY);
    }
    const { rows } = await metering.usage(DAY);
    expect(rows).toMatchObject([{ requests: steps.length, promptTokens: 100 * steps.length, usd: 2 }]);
  });

  it('adds up over several servers', async () => {
    const place = places.fresh(kind);
    const servers = [open(place), open(place)];
    for (const metering of servers) for (let nth = 0; nth < 10; nth++) metering.note(anAnswer());
    await Promise.all(servers.map((metering) => metering.usage(DAY)));
    for (const metering of servers)
      expect((await metering.usage(DAY)).rows).toMatchObject([{ requests: 20, usd: 5 }]);
  });
});

test.skipIf(POSTGRES_BIN === null)(
  'what cannot be written is kept and written later',
  { timeout: 60_000 },
  async () => {
    await using own = await startPostgres(POSTGRES_BIN ?? '');
    const metering = open({ ...places.fresh('SQLite'), databaseUrl: own.url });
    metering.note(anAnswer());
    await metering.usage(DAY);
    await own.stop();
    metering.note(anAnswer());
    await expect(metering.usage(DAY)).rejects.toThrow(/PostgreSQL/);
    await own.start();
    expect((await metering.usage(DAY)).rows).toMatchObject([{ requests: 2 }]);
  },
);

test('names without end do not grow memory without end, and no request is lost', async () => {
  const metering = open(places.fresh('SQLite'));
  for (let nth = 0; nth < 6_000; nth++) metering.note(anAnswer({ model: `model-${nth}` }));
  const { rows } = await metering.usage(DAY);
  expect(rows).toHaveLength(5_001);
  expect(rows.find(({ model }) => model === 'other')).toMatchObject({ requests: 1_000, keyId: 'other' });
  expect(rows.reduce((sum, { requests }) => sum + requests, 0)).toBe(6_000);
});

test('metrics tell requests, tokens, dollars and times by provider', async () => {
  const registry = new Registry();
  const clock = { ms: NOON };
  const metering = open(places.fresh('SQLite'), {
    registry,
    nowMs: () => clock.ms,
    usdPerHourOf: (session) => (session === 'default' ? 0.6 : null),
  });
  metering.note(anAnswer());
  metering.note(anAnswer({ status: 429, usd: 0, seconds: 700, firstByteSeconds: null }));
  for (let nth = 0; nth < 2; nth++)
    metering.note(anAnswer({ provider: 'vastai', session: 'default', usd: null }));
  const text = await registry.metrics();
  expect(text).toContain('leash_gateway_requests_total{provider="anthropic",status="200"} 1');
  expect(text).toContain('leash_gateway_requests_total{provider="anthropic",status="429"} 1');
  expect(text).toContain('leash_gateway_tokens_total{provider="anthropic",kind="prompt"} 200');
  expect(text).toContain('leash_gateway_tokens_total{provider="vastai",kind="completion"} 100');
  expect(text).toContain('leash_gateway_usd_total{provider="anthropic"} 0.25');
  // A cent a minute, of which the first request was all and the second half.
  expect(text).toMatch(/leash_gateway_usd_total\{provider="vastai"\} 0\.015/);
  expect(text).toContain('# TYPE leash_gateway_request_duration_seconds histogram');
  expect(text).toContain('leash_gateway_request_duration_seconds_bucket{provider="anthropic",le="0.25"} 0');
  expect(text).toContain('leash_gateway_request_duration_seconds_bucket{provider="anthropic",le="0.5"} 1');
  expect(text).toContain('leash_gateway_request_duration_seconds_bucket{provider="anthropic",le="+Inf"} 2');
  expect(text).toContain('leash_gateway_request_duration_seconds_sum{provider="anthropic"} 700.5');
  expect(text).toContain('leash_gateway_first_byte_seconds_count{provider="anthropic"} 1');
  expect(await registry.metrics()).toBe(text);
});

test('the price of a rented GPU’s tokens is its price per hour over what it did lately', () => {
  const clock = { ms: NOON };
  const metering = open(places.fresh('SQLite'), {
    nowMs: () => clock.ms,
    usdPerHourOf: (session) => (session === 'default' ? 0.6 : null),
  });
  expect(metering.gpuUsd('another', 1_000)).toBeNull();
  expect(metering.gpuUsd('default', 1_000)).toBe(0);
  for (let minute = 0; minute < 10; minute++) {
    metering.note(anAnswer({ session: 'default', usd: null, promptTokens: 9_000, completionTokens: 1_000 }));
    clock.ms += 60_000;
  }
  // Ten cents in ten minutes, for a hundred thousand tokens.
  expect(metering.gpuUsd('default', 1_000_000)).toBeCloseTo(1, 6);
});

test('no order of requests and writing loses or invents one', async () => {
  const some = fc.array(
    fc.record({
      provider: fc.constantFrom('a', 'b'),
      hours: fc.integer({ min: 0, max: 2 }),
      isWritten: fc.boolean(),
    }),
    { maxLength: 30 },
  );
  await fc.assert(
    fc.asyncProperty(some, async (steps) => {
      const clock = { ms: NOON };
      const place = places.fresh('SQLite');
      const metering = openMetering({
        ...place,
        registry: new Registry(),
        logger: pino({ level: 'silent' }),
        nowMs: () => clock.ms,
      });
      const span = { fromMs: 0, toMs: NOON + 100 * HOUR_MS };
      for (const { provider, hours, isWritten } of steps) {
        clock.ms += hours * HOUR_MS;
        metering.note(anAnswer({ provider }));
        if (isWritten) await metering.usage(span);
      }
      const { rows } = await metering.usage(span);
      await metering.close();
      for (const provider of ['a', 'b']) {
        const counted = rows.filter((row) => row.provider === provider);
        const sent = steps.filter((step) => step.provider === provider);
        expect(counted.reduce((sum, { requests }) => sum + requests, 0)).toBe(sent.length);
      }
    }),
    { numRuns: 20 },
  );
});

test('the log tells each request with its dollars when it is asked to, and else nothing of it', async () => {
  const linesAt = async (level: string) => {
    const lines: string[] = [];
    const logger = pino({ level }, { write: (line) => lines.push(line) });
    const metering = open(places.fresh('SQLite'), { logger });
    metering.note(anAnswer({ usd: 0.25 }));
    await metering.close();
    return lines;
  };
  const [line, ...others] = await linesAt('debug');
  expect(others).toEqual([]);
  expect(JSON.parse(line ?? '{}')).toMatchObject({ provider: 'anthropic', usd: 0.25, status: 200 });
  expect(await linesAt('info')).toEqual([]);
});

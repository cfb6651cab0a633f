import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { aMarket, aRenter, control } from './renter.ts';

let market: Simulator;

beforeAll(async () => {
  market = await aMarket({ rateScale: 1 });
});

afterAll(() => market.close());

test.each([
  ['list', 'GET', '/api/v1/instances/', '1.0'],
  ['show', 'GET', '/api/v0/instances/1/', '2.0'],
  ['create', 'PUT', '/api/v0/asks/1/', '4.5'],
  ['destroy', 'DELETE', '/api/v0/instances/1/', '3.0'],
])(
  'two calls of %s in a row are too many, in plain text with its threshold',
  async (name, method, path, threshold) => {
    const { call } = aRenter(market.url, `rates-${name}`);
    const body = method === 'GET' ? undefined : {};
    expect((await call(method, path, body)).status).not.toBe(429);
    const { status, type, text } = await call(method, path, body);
    expect(status).toBe(429);
    expect(type).toBe('text/plain');
    expect(text).toBe(`API requests too frequent: endpoint threshold=${threshold}*1.0`);
    // Another account has waits of its own.
    expect((await aRenter(market.url, `other-${name}`).call(method, path, body)).status).not.toBe(429);
  },
);

test('the eleventh search of a minute is too many, whoever asks', async () => {
  for (let n = 0; n < 10; n += 1) {
    expect((await aRenter(market.url, `searcher-${n}`).call('POST', '/api/v0/bundles/', {})).status).toBe(
      200,
    );
  }
  expect((await aRenter(market.url, 'searcher-11').call('POST', '/api/v0/bundles/', {})).status).toBe(429);
});

test('limits can be scaled and turned off while the market runs', async () => {
  const { list } = aRenter(market.url, 'scaled');
  await list();
  expect((await list()).status).toBe(429);
  expect((await control(market, 'POST', 'rates', { scale: 0 })).json).toEqual({ scale: 0 });
  expect((await list()).status).toBe(200);
  await control(market, 'POST', 'rates', { scale: 2 });
  await list();
  expect((await list()).text).toContain('threshold=1.0*2.0');
  expect((await control(market, 'POST', 'rates', { scale: -1 })).status).toBe(400);
});

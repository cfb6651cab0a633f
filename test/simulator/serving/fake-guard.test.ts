import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { aMarket, aRenter, recordOf } from '../renter.ts';
import { eventually, statusOf } from './eventually.ts';

const SOON_MS = 20_000;

test('an instance that orders a guard lives while its key is used, and then ends by itself', async () => {
  await using scene = await aGuarded();
  const url = await scene.served();
  for (let renewals = 0; renewals < 12; renewals += 1) {
    expect(await statusOf(`${url}/v1/models`, { authorization: 'Bearer secret' })).toBe(200);
    await wait(250);
  }
  expect(scene.record()).toMatchObject({ destroy_requested_at: null });
  await scene.ended();
  expect(scene.record()).toMatchObject({ destroyed_by: 'instance' });
});

test('calls without the key do not keep it', async () => {
  await using scene = await aGuarded();
  const url = await scene.served();
  await statusOf(`${url}/v1/models`, { authorization: 'Bearer secret' });
  const untilMs = Date.now() + SOON_MS;
  while (scene.record().destroy_requested_at === null && Date.now() < untilMs) {
    await statusOf(`${url}/v1/models`);
    await wait(100);
  }
  expect(scene.record()).toMatchObject({ destroyed_by: 'instance' });
});

test.each([{ boot: 1 }, { life: 1 }])('it ends when %o of its seconds have passed', async (order) => {
  await using scene = await aGuarded(order);
  await scene.ended();
});

test('refused, it goes on trying', async () => {
  await using scene = await aGuarded({ boot: 1 });
  scene.market.addFault({ call: 'destroy', fault: 'server-error', times: 2 });
  await scene.ended();
});

test('without an order for one there is none', async () => {
  await using scene = await aGuarded(null);
  await scene.served();
  await wait(3_000);
  expect(scene.record()).toMatchObject({ destroy_requested_at: null });
});

async function aGuarded(set: object | null = {}) {
  const market = await aMarket();
  const renter = aRenter(market.url, market.key);
  const order = { api: market.url, tls: false, boot: 60, silence: 1.5, life: 600, look: 0.2, ...set };
  const id = await renter.rent({
    env: { '-p 8000:8000': '1', ...(set === null ? {} : { LEASH_GUARD: JSON.stringify(order) }) },
  });
  const record = () => recordOf(market, id);
  return {
    market,
    record,
    served: () =>
      eventually(
        'it serves',
        async () => {
          const shown = await renter.show(id);
          const port = shown?.ports?.['8000/tcp']?.[0]?.HostPort;
          const url = `http://127.0.0.1:${port}`;
          return port !== undefined && (await statusOf(`${url}/health`)) === 200 ? url : null;
        },
        SOON_MS,
      ),
    ended: () => eventually('it is gone', () => record().destroyed_at !== null, SOON_MS),
    [Symbol.asyncDispose]: () => market.close(),
  };
}

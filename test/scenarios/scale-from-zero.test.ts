import { expect, test } from 'vitest';
import { aLaunch, startStack } from '../support/stack.ts';

const MODEL = 'Qwen/Qwen2.5-7B-Instruct';
const AUTO = { LEASH_MODEL: MODEL, GATEWAY_AUTO_LAUNCH: 'true', GATEWAY_WAIT_SECONDS: '25' };

test('a herd of requests that finds no GPU has one rented, and all of it is answered by it', async () => {
  await using stack = await startStack({ settings: AUTO });
  const { api, books } = stack;
  const answers = await Promise.all(Array.from({ length: 12 }, () => api.chat()));
  for (const answer of answers) {
    expect(answer.status, await answer.text()).toBe(200);
    expect(answer.headers.get('x-leash-provider')).toBe('vastai');
  }
  const receipt = await api.destroyed('default');
  expect(receipt.attempts).toHaveLength(1);
  await books.expectAllWell(receipt);
});

test('what the budget does not carry is not rented for traffic, and the 503 says so', async () => {
  await using stack = await startStack({
    settings: { ...AUTO, GATEWAY_WAIT_SECONDS: '2', VASTAI_BUDGET_LIMIT: '2' },
  });
  const { api, books } = stack;
  // It holds most of the money, and serves another model.
  await api.launched(aLaunch({ session: 'other', model: 'Qwen/Qwen2.5-0.5B-Instruct', budget_usd: 1.5 }));
  const answer = await api.chat({ model: MODEL });
  expect(answer.status).toBe(503);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await answer.json()).toMatchObject({
    error: { message: expect.stringMatching(/None could be launched: .*budget/i) },
  });
  expect(await books.ours('default')).toEqual([]);
  await books.expectAllWell(await api.destroyed('other'));
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

/** How sessions end by themselves, while nothing is wrong. */

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack[Symbol.asyncDispose]());

const seconds = (time: string | null) => Date.parse(time ?? '') / 1_000;

describe.concurrent('the end of a session', () => {
  test('a session nobody uses ends when its keep-alive is over', async () => {
    const { api, books } = stack;
    await api.launched(aLaunch({ session: 'idle', keep_alive_minutes: 0.1 }));
    await api.ready('idle');
    const receipt = await api.ended('idle');
    expect(receipt).toMatchObject({ outcome: 'completed', reason: 'idle' });
    const servedSeconds = seconds(receipt.instances[0]?.destroy_sent_at ?? null) - seconds(receipt.ready_at);
    expect(servedSeconds).toBeGreaterThanOrEqual(6);
    expect(servedSeconds).toBeLessThan(20);
    await books.expectAllWell(receipt);
  });

  test('use past the gateway is read from the instance’s own counters, and moves the end', async () => {
    const { api, books } = stack;
    await api.launched(
      aLaunch({ session: 'used', keep_alive_minutes: 0.12, model: 'Qwen/Qwen2.5-3B-Instruct' }),
    );
    const ready = await api.supervised('used');
    const firstEnd = seconds(ready.keep_alive_until);
    const used = await api.until(
      'used',
      'has been used beyond its first keep-alive',
      ({ keep_alive_until }) => {
        void api.chat({ model: 'Qwen/Qwen2.5-3B-Instruct' }).catch(() => undefined);
        return seconds(keep_alive_until) > firstEnd + 4;
      },
    );
    expect(used.state).toBe('READY');
    expect(seconds(used.last_used_at)).toBeGreaterThan(seconds(ready.last_used_at));
    const receipt = await api.ended('used');
    expect(receipt).toMatchObject({ outcome: 'completed', reason: 'idle' });
    expect(seconds(receipt.instances[0]?.destroy_sent_at ?? null)).toBeGreaterThanOrEqual(firstEnd + 4);
    await books.expectAllWell(receipt);
  });

  test('a session ends with its lifetime, used or not', async () => {
    const { api, books } = stack;
    await api.launched(aLaunch({ session: 'short', keep_alive_minutes: 0.25, max_lifetime_minutes: 0.25 }));
    await api.ready('short');
    const receipt = await api.ended('short');
    expect(receipt).toMatchObject({ outcome: 'completed', reason: 'lifetime' });
    const livedSeconds = seconds(receipt.instances[0]?.destroy_sent_at ?? null) - seconds(receipt.started_at);
    expect(livedSeconds).toBeGreaterThanOrEqual(14);
    expect(livedSeconds).toBeLessThan(30);
    await books.expectAllWell(receipt);
  });

  test('a session that finds no offer says why, and rents nothing', async () => {
    const { api, books } = stack;
    await api.launched(aLaunch({ session: 'none', max_usd_per_hour: 0.001 }));
    const receipt = await api.ended('none');
    expect(receipt).toMatchObject({ outcome: 'launch-failed', usd: { total: 0 } });
    expect(receipt.reason).toMatch(/offer/);
    expect(await books.ours('none')).toEqual([]);
  });
});

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { hasRestarted, toUsage, type Usage, wasUsedSince } from '../../src/vllm/usage.ts';

const realPage = readFileSync(new URL('fixtures/metrics-vllm-0.16.txt', import.meta.url), 'utf8');

test('use is read from a real vLLM page', () => {
  expect(toUsage(realPage)).toEqual({
    kind: 'usage',
    requestsFinished: 2,
    running: 0,
    waiting: 0,
    promptTokens: 36,
    generationTokens: 2,
    processStartedAtSec: 1795359918.84,
    modelsCalls: 9,
  });
});

test('requests are counted over all engines of a server', () => {
  const page = realPage.concat(
    'vllm:request_success_total{engine="1",finished_reason="stop",model_name="tiny"} 5.0\n',
    'vllm:num_requests_running{engine="1",model_name="tiny"} 3.0\n',
  );
  expect(toUsage(page)).toMatchObject({ requestsFinished: 7, running: 3 });
});

test('an image that does not count is not taken for an idle one', () => {
  for (const metric of [
    'vllm:request_success_total',
    'vllm:num_requests_running',
    'vllm:num_requests_waiting',
  ]) {
    const without = realPage.split('\n').filter((line) => !line.startsWith(metric));
    expect(toUsage(without.join('\n'))).toMatchObject({ kind: 'unreadable' });
  }
  expect(toUsage('<html>It works!</html>')).toMatchObject({ kind: 'unreadable' });
});

test('only our own probes since the last look: not used', () => {
  const before = aUsage({ requestsFinished: 10, generationTokens: 500 });
  const after = aUsage({ requestsFinished: 11, generationTokens: 501 });
  expect(wasUsedSince(before, after, 1)).toBe(false);
  expect(wasUsedSince(before, before, 0)).toBe(false);
});

test('one request more than our probes: used', () => {
  const before = aUsage({ requestsFinished: 10 });
  expect(wasUsedSince(before, aUsage({ requestsFinished: 12 }), 1)).toBe(true);
  expect(wasUsedSince(before, aUsage({ requestsFinished: 11 }), 0)).toBe(true);
});

test('a request in flight or in the queue: used, though none has finished', () => {
  expect(wasUsedSince(aUsage(), aUsage({ running: 1 }), 0)).toBe(true);
  expect(wasUsedSince(aUsage(), aUsage({ waiting: 1 }), 0)).toBe(true);
});

test('a caller who hung up has used the model: vLLM counts the tokens, not the request', () => {
  const before = aUsage({ requestsFinished: 10, generationTokens: 500 });
  expect(wasUsedSince(before, aUsage({ requestsFinished: 10, generationTokens: 760 }), 0)).toBe(true);
});

test('after a restart the counters start from zero and use is still seen', () => {
  const before = aUsage({ requestsFinished: 10, generationTokens: 500, processStartedAtSec: 1_000 });
  const restarted = { processStartedAtSec: 1_060 };
  expect(wasUsedSince(before, aUsage({ ...restarted, requestsFinished: 2 }), 1)).toBe(true);
  expect(wasUsedSince(before, aUsage({ ...restarted, requestsFinished: 1, generationTokens: 1 }), 1)).toBe(
    false,
  );
  expect(wasUsedSince(before, aUsage({ ...restarted, requestsFinished: 12 }), 1)).toBe(true);
});

test('without a start time a restart shows by a counter that went back', () => {
  const before = aUsage({ requestsFinished: 10, processStartedAtSec: null });
  const after = aUsage({ requestsFinished: 3, processStartedAtSec: null });
  expect(hasRestarted(before, after)).toBe(true);
  expect(wasUsedSince(before, after, 0)).toBe(true);
  expect(hasRestarted(before, aUsage({ requestsFinished: 11, processStartedAtSec: null }))).toBe(false);
});

function aUsage(set: Partial<Usage> = {}): Usage {
  return {
    kind: 'usage',
    requestsFinished: 0,
    running: 0,
    waiting: 0,
    promptTokens: 0,
    generationTokens: 0,
    processStartedAtSec: 1_000,
    modelsCalls: 0,
    ...set,
  };
}

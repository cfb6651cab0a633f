import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { postJson } from '../../src/notifications/posting.ts';
import { type Behaviour, type Receiver, startReceiver } from '../support/receiver.ts';

let receiver: Receiver;
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver[Symbol.asyncDispose]());

const TOKEN = 'T0SECRETTOKEN';

async function post(behaviour: Behaviour) {
  receiver.behave(behaviour);
  return postJson({
    url: `${receiver.url}/services/${TOKEN}?key=${TOKEN}`,
    headers: { 'x-more': '1' },
    body: '{}',
  });
}

test('a post is JSON, to the very address, with the headers it was given', async () => {
  expect(await post(204)).toEqual({ kind: 'delivered', httpStatus: 204 });
  expect(receiver.received).toMatchObject([
    {
      path: `/services/${TOKEN}?key=${TOKEN}`,
      body: '{}',
      headers: { 'content-type': 'application/json', 'x-more': '1' },
    },
  ]);
});

test.each([400, 401, 403, 404, 422])('%i would be answered again, and is final', async (status) => {
  expect(await post(status)).toEqual({ kind: 'refused', why: `it answered ${status}` });
});

test('410 is final, and says to set another address', async () => {
  expect(await post(410)).toMatchObject({
    kind: 'refused',
    why: expect.stringContaining('this address is no more'),
  });
});

test.each([408, 409, 425, 429, 500, 502, 503])('%i passes, and is tried again', async (status) => {
  expect(await post(status)).toEqual({ kind: 'failed', why: `it answered ${status}`, retryAfterMs: null });
});

test('a redirect is not followed, and is final', async () => {
  const elsewhere = `${receiver.url}/elsewhere?token=${TOKEN}`;
  const answer = await post({ status: 307, headers: { location: elsewhere } });
  expect(answer).toMatchObject({ kind: 'refused', why: expect.stringContaining('a redirect') });
  expect(receiver.received).toHaveLength(1);
});

describe('Retry-After', () => {
  test('in seconds is honoured', async () => {
    const answer = await post({ status: 429, headers: { 'retry-after': '17' } });
    expect(answer).toMatchObject({ kind: 'failed', retryAfterMs: 17_000 });
  });

  test('as a date is honoured', async () => {
    const at = new Date(Date.now() + 60_000).toUTCString();
    const answer = await post({ status: 503, headers: { 'retry-after': at } });
    if (answer.kind !== 'failed' || answer.retryAfterMs === null) throw new Error('it was not read');
    expect(answer.retryAfterMs).toBeGreaterThan(50_000);
    expect(answer.retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  test.each(['soon', '-5', new Date(0).toUTCString()])('that says %s is no reason to wait', async (text) => {
    const answer = await post({ status: 503, headers: { 'retry-after': text } });
    expect(answer).toMatchObject({ kind: 'failed', retryAfterMs: null });
  });
});

test('what breaks off, or is nowhere, is tried again', async () => {
  expect(await post('reset')).toMatchObject({
    kind: 'failed',
    why: expect.stringMatching(/^it could not be reached \(/),
  });
  const { url } = receiver;
  await receiver[Symbol.asyncDispose]();
  expect(await postJson({ url, headers: {}, body: '{}' })).toEqual({
    kind: 'failed',
    why: 'it could not be reached (ECONNREFUSED)',
    retryAfterMs: null,
  });
});

test('an address that never answers is given up after ten seconds', { timeout: 30_000 }, async () => {
  expect(await post('hang')).toEqual({
    kind: 'failed',
    why: 'it did not answer within 10 s',
    retryAfterMs: null,
  });
});

test('a refusal of one word is told; one that may repeat the address is not', async () => {
  expect(await post({ status: 403, body: 'invalid_token' })).toMatchObject({
    why: 'it answered 403 (invalid_token)',
  });
  const said = await post({ status: 404, body: `Cannot POST /services/${TOKEN}` });
  expect(said).toEqual({ kind: 'refused', why: 'it answered 404' });
  const long = await post({ status: 500, body: `${TOKEN} `.repeat(100_000) });
  expect(JSON.stringify(long)).not.toContain(TOKEN);
});

import { expect, test } from 'vitest';
import { aClient, KEY } from './builders.ts';
import { anOddMarket } from './odd-market.ts';

test('logs are asked for, and fetched without the key once they are uploaded', async () => {
  await using files = await anOddMarket(
    { status: 403, text: '' },
    { status: 404, text: '' },
    { text: 'INFO ready\n' },
  );
  await using market = await anOddMarket({
    json: { success: true, result_url: `${files.url}/logs/1.txt?signature=s` },
  });
  await using vast = aClient(market.url);
  expect(await vast.readLogs(501, { tail: 50, filter: 'INFO' })).toBe('INFO ready\n');
  expect(market.received).toMatchObject([
    { method: 'PUT', path: '/api/v0/instances/request_logs/501/', body: { tail: '50', filter: 'INFO' } },
  ]);
  expect(files.received).toHaveLength(3);
  expect(JSON.stringify(files.received.map(({ headers, path }) => ({ headers, path })))).not.toContain(KEY);
  expect(files.received.every(({ headers }) => headers.authorization === undefined)).toBe(true);
});

test('logs are cut to their newest part', async () => {
  const text = `${'old line\n'.repeat(300_000)}newest line\n`;
  await using files = await anOddMarket({ text });
  await using market = await anOddMarket({ json: { success: true, result_url: files.url } });
  await using vast = aClient(market.url);
  const logs = await vast.readLogs(501, { tail: 50 });
  expect(logs).toHaveLength(1024 * 1024);
  expect(logs.endsWith('old line\nnewest line\n')).toBe(true);
});

test('a file that is elsewhere is not followed, and one that never comes ends by the deadline', async () => {
  await using other = await anOddMarket({ text: 'somebody else' });
  await using files = await anOddMarket(
    { status: 302, text: '', headers: { location: other.url } },
    { status: 403, text: '' },
  );
  await using market = await anOddMarket({
    json: { success: true, result_url: `${files.url}/?signature=verysecret` },
  });
  await using vast = aClient(market.url);
  await expect(vast.readLogs(501, { tail: 50 })).rejects.toMatchObject({ kind: 'unreachable', status: 302 });
  expect(other.received).toHaveLength(0);

  const late = vast.readLogs(501, { tail: 50 }, { deadlineMs: Date.now() + 500 });
  await expect(late).rejects.toMatchObject({
    kind: 'unreachable',
    status: 403,
    message: expect.not.stringContaining('verysecret'),
  });
});

test.each([
  ['no address', { success: true, msg: 'Instance is not running' }],
  ['a file of this machine', { success: true, result_url: 'file:///etc/passwd' }],
  ['no URL', { success: true, result_url: 'soon' }],
])('logs with %s to fetch from are a bad answer', async (_name, json) => {
  await using market = await anOddMarket({ json });
  await using vast = aClient(market.url);
  await expect(vast.readLogs(501, { tail: 50 })).rejects.toMatchObject({ kind: 'bad-answer' });
});

test('logs of an unknown instance are refused', async () => {
  await using market = await anOddMarket({
    status: 404,
    json: { success: false, error: 'invalid_id', msg: 'no' },
  });
  await using vast = aClient(market.url);
  await expect(vast.readLogs(501, { tail: 50 })).rejects.toMatchObject({
    kind: 'refused',
    code: 'invalid_id',
  });
});

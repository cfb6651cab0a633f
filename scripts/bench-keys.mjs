/**
 * What keys, limits and metering cost each request: microseconds, on the thread that answers.
 *
 * A key with every limit there is, on SQLite in a folder of its own; nothing else runs in the process.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { openGatewayKeys } from '../src/gateway/keys/keys.ts';
import { openMetering } from '../src/gateway/metering.ts';

const REQUESTS = 300_000;
const home = mkdtempSync(join(tmpdir(), 'leash-bench-keys-'));
const place = { owner: 'benchbench', home, logger: pino({ level: 'silent' }) };
const keys = await openGatewayKeys(place);
const metering = openMetering({ ...place, registry: new Registry(), usdPerHourOf: () => 0.4 });
const limits = {
  models: ['qwen'],
  requestsPerMinute: 1e9,
  tokensPerMinute: 1e9,
  budget: { usd: 1e6, period: 'day' },
};
const none = { models: null, requestsPerMinute: null, tokensPerMinute: null, budget: null };
const limited = await keys.book.create({ name: 'limited', expiresAtMs: null, limits });
const plain = await keys.book.create({ name: 'plain', expiresAtMs: null, limits: none });
const need = { model: 'qwen', promptTokensAtMost: 500, completionTokensAtMost: 500, usdAtMost: 0.01 };
const used = { promptTokens: 100, completionTokens: 50, usd: 0.001 };

await measure('find', () => keys.find(limited.token));
await measure('begin and settle, no limits', withKey(keys.find(plain.token)));
await measure('begin and settle, every limit', withKey(keys.find(limited.token)));
for (const [name, session] of [
  ['note, paid by the token', null],
  ['note, a rented GPU', 'default'],
]) {
  const answered = {
    ...{ provider: 'anthropic', model: 'qwen', session, keyId: 'key_a', status: 200, seconds: 0.4 },
    ...{ firstByteSeconds: 0.05, promptTokens: 100, completionTokens: 50, attempts: 1 },
    usd: session === null ? 0.001 : null,
  };
  await measure(name, () => metering.note(answered));
}
await keys.close();
await metering.close();
rmSync(home, { recursive: true, force: true });

function withKey(key) {
  return () => {
    const lease = keys.begin(key, need);
    if (lease instanceof Promise) return lease.then((begun) => begun.settle(used));
    lease.settle(used);
    return null;
  };
}

async function measure(name, act) {
  for (let nth = 0; nth < 20_000; nth++) await act();
  const startedMs = performance.now();
  for (let nth = 0; nth < REQUESTS; nth++) {
    const promise = act();
    if (promise instanceof Promise) await promise;
  }
  const us = ((performance.now() - startedMs) * 1_000) / REQUESTS;
  process.stdout.write(`${name.padEnd(32)} ${us.toFixed(2)} µs\n`);
}

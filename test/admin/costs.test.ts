import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import type { CostsAnswer, KeyCreatedAnswer } from '../../src/admin/answers.ts';
import { costLinesOf } from '../../src/domain/costs.ts';
import { openMetering } from '../../src/gateway/metering.ts';
import { runLeash } from '../cli/run-leash.ts';
import { type HttpEdge, startHttpEdge, TOKEN } from '../support/http-edge.ts';
import { anInstance, aReceipt, aUsd } from '../support/receipts.ts';
import { scriptedSessions } from '../support/scripted-sessions.ts';

const lines = costLinesOf(
  aReceipt({ final: true, instances: [anInstance({ usd: aUsd({ gpu: 2, storage: 1, bandwidth: 1 }) })] }),
);

/** A server whose installation was used: a rental of 4 USD, and Anthropic's for half a dollar. */
async function startUsed(): Promise<HttpEdge & { keyId: string }> {
  const sessions = scriptedSessions({
    costs: async () => ({ lines, receipts: [], unread: [], isCut: false }),
  });
  const edge = await startHttpEdge({ sessions });
  const made = await edge.ask('/api/admin/keys', { json: { name: 'app' } });
  const { id: keyId } = (await made.json()) as KeyCreatedAnswer;
  const { home, owner } = edge.installation;
  // Another server of the same installation.
  const metering = openMetering({ home, owner, registry: new Registry(), logger: pino({ level: 'silent' }) });
  const answered = {
    ...{ provider: 'vastai', model: 'qwen', session: 'default', keyId, status: 200, seconds: 1 },
    ...{ firstByteSeconds: 0.1, promptTokens: 600_000, completionTokens: 150_000, usd: null, attempts: 1 },
  };
  metering.note(answered);
  metering.note({ ...answered, keyId: null, promptTokens: 200_000, completionTokens: 50_000 });
  const opus = { ...answered, provider: 'anthropic', model: 'opus', session: null };
  metering.note({ ...opus, promptTokens: 50_000, completionTokens: 50_000, usd: 0.5 });
  metering.note({ ...opus, promptTokens: 0, completionTokens: 0, usd: 0, status: 529 });
  await metering.close();
  return { ...edge, keyId };
}

test('costs by provider say what a request and a million tokens come to', async () => {
  await using edge = await startUsed();
  const answer = (await (await edge.ask('/api/admin/costs?by=provider')).json()) as CostsAnswer;
  expect(answer.items).toMatchObject([
    {
      key: 'vastai',
      usd: { gpu: 2, storage: 1, bandwidth: 1, tokens: 0, total: 4 },
      use: {
        requests: 2,
        failures: 0,
        prompt_tokens: 800_000,
        usd_per_request: 2,
        usd_per_million_tokens: 4,
      },
      standing: 'final',
    },
    {
      key: 'anthropic',
      usd: { gpu: 0, tokens: 0.5, total: 0.5 },
      use: { requests: 2, failures: 1, usd_per_request: 0.25, usd_per_million_tokens: 5 },
      instances: 0,
    },
  ]);
  expect(answer.total).toMatchObject({ usd: { total: 4.5 }, use: { requests: 4 }, standing: 'not-final' });
});

test('costs by key go by its name, and by model share the GPU', async () => {
  await using edge = await startUsed();
  const byKey = (await (await edge.ask('/api/admin/costs?by=key')).json()) as CostsAnswer;
  expect(byKey.items.map(({ key, usd }) => [key, usd.total])).toEqual([
    ['app', 3.5],
    ['(admin token)', 1],
  ]);
  await edge.ask('/api/admin/keys/app', { method: 'DELETE' });
  const revoked = (await (await edge.ask('/api/admin/costs?by=key')).json()) as CostsAnswer;
  expect(revoked.items[0]?.key).toBe(`app (${edge.keyId})`);
  const byModel = (await (await edge.ask('/api/admin/costs?by=model')).json()) as CostsAnswer;
  expect(byModel.items.map(({ key, usd }) => [key, usd.total])).toEqual([
    ['qwen', 4],
    ['opus', 0.5],
  ]);
});

test('the same as a table, and on the command line', async () => {
  await using edge = await startUsed();
  const csv = await (await edge.ask('/api/admin/costs?by=provider&format=csv')).text();
  expect(csv.split('\r\n')).toEqual([
    'provider,gpu_usd,storage_usd,bandwidth_usd,tokens_usd,total_usd,forecast_usd,instances,standing,requests,failures,prompt_tokens,completion_tokens,usd_per_request,usd_per_million_tokens',
    'vastai,2,1,1,0,4,,1,final,2,0,800000,200000,2,4',
    'anthropic,0,0,0,0.5,0.5,,0,not-final,2,1,50000,50000,0.25,5',
    'total,2,1,1,0.5,4.5,,1,not-final,4,1,850000,250000,1.125,4.090909',
    '',
  ]);
  const shown = await runLeash(['costs', '--by', 'provider', '--url', edge.url], {
    env: { ADMIN_TOKEN: TOKEN },
  });
  expect(shown, shown.err).toMatchObject({ code: 0 });
  expect(shown.out).toMatch(/provider .* tokens .* total .* requests .*\$\/request +\$\/M tokens/);
  expect(shown.out).toMatch(/anthropic .*\$0\.50 .* 2 +50k +50k +\$0\.25 +\$5\.00/);
});

test('what has no known price is not called free', async () => {
  await using edge = await startHttpEdge({
    sessions: scriptedSessions({
      costs: async () => ({ lines: [], receipts: [], unread: [], isCut: false }),
    }),
  });
  const { home, owner } = edge.installation;
  const metering = openMetering({ home, owner, registry: new Registry(), logger: pino({ level: 'silent' }) });
  metering.note({
    ...{ provider: 'modal', model: 'qwen', session: null, keyId: null, status: 200, seconds: 1, usd: null },
    ...{ firstByteSeconds: 0.1, promptTokens: 10, completionTokens: 10, attempts: 1 },
  });
  await metering.close();
  const answer = (await (await edge.ask('/api/admin/costs?by=provider')).json()) as CostsAnswer;
  expect(answer.items).toMatchObject([
    { key: 'modal', use: { requests: 1, usd_per_request: null, usd_per_million_tokens: null } },
  ]);
});

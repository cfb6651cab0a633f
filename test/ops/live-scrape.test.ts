import { beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Exposition, parseExposition } from '../support/exposition.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';
import { readDashboard, readRules } from './files.ts';
import { missingFrom } from './promql.ts';

/**
 * Every expression of the dashboard and of the alerts, against what a running installation tells: server, worker and
 * Temporal's SDK on one page, after a session whose first host was gone, and a few requests through the gateway.
 */
let scrape: Exposition;

beforeAll(async () => {
  await using stack = await startStack({ settings: { LEASH_AUDIT_INTERVAL_MINUTES: '0.05' } });
  await stack.faults({ call: 'create', fault: 'offer-gone', times: 1 });
  await stack.api.launched(aLaunch());
  await stack.api.ready('default');
  for (let asked = 0; asked < 3; asked += 1) await chat(stack);
  await stack.api.destroyed('default');
  scrape = await eventually(
    'the audit has run, and the workflow has told of its end',
    async () => {
      const page = await scrapeOf(stack);
      const names = new Set(page.samples.map(({ name }) => name));
      const late = ['leash_audit_findings', 'leash_sessions_ended_total'];
      return late.every((name) => names.has(name)) ? page : null;
    },
    40_000,
  );
}, 120_000);

test('the page of server, worker and SDK together is one that Prometheus reads', () => {
  expect(scrape.samples.length).toBeGreaterThan(300);
  expect(scrape.families.get('temporal_workflow_completed_total')?.type).toBe('counter');
  expect(scrape.families.get('leash_launch_ready_seconds')?.type).toBe('histogram');
  expect(scrape.families.get('leash_market_calls_total')?.type).toBe('counter');
});

describe('alerts', () => {
  test.each(readRules().map(({ alert, expr }) => [alert, expr]))(
    '%s asks for what is told',
    (_alert, expr) => {
      expect(missingFrom(scrape, expr)).toEqual([]);
    },
  );
});

describe('dashboard', () => {
  const asked = readDashboard().panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }): [string, string] => [title, expr]),
  );

  test.each(asked)('%s asks for what is told: %s', (_title, expr) => {
    expect(missingFrom(scrape, expr)).toEqual([]);
  });
});

test.each([
  ['sum(rate(leash_made_up_total[5m]))', ['no metric leash_made_up_total']],
  ['max(leash_sessions{colour="red"})', ['leash_sessions has no label colour']],
  ['max(leash_sessions{state="LOST"})', ['leash_sessions is never told with state="LOST"']],
  ['sum by (colour) (leash_sessions)', ['no label colour to group by']],
  [
    'histogram_quantile(0.9, sum by (le) (rate(leash_launch_ready_seconds[5m])))',
    ['no metric leash_launch_ready_seconds', 'no label le to group by'],
  ],
])('what is not told is found out: %s', (expr, missing) => {
  expect(missingFrom(scrape, expr)).toEqual(missing);
});

test('what is no PromQL is found out', () => {
  expect(() => missingFrom(scrape, 'sum(rate(leash_sessions[5m])')).toThrow('No PromQL');
});

test('labels hold no session’s name, no instance and no secret', () => {
  const values = scrape.samples.flatMap(({ labels }) => Object.values(labels));
  expect(values).not.toContain('default');
  expect(values.filter((value) => /hf_|Bearer|leash\.[a-z0-9]{10}\./.test(value))).toEqual([]);
});

test('a metric has no more than two hundred samples without the buckets of its histogram', () => {
  const counts = new Map<string, number>();
  for (const { name } of scrape.samples)
    if (!name.endsWith('_bucket')) counts.set(name, (counts.get(name) ?? 0) + 1);
  expect([...counts].filter(([, count]) => count > 200)).toEqual([]);
});

async function scrapeOf({ api }: Stack): Promise<Exposition> {
  const answer = await fetch(`${api.url}/metrics`, { signal: AbortSignal.timeout(10_000) });
  return parseExposition(await answer.text());
}

async function chat({ api, token }: Stack): Promise<void> {
  const answer = await fetch(`${api.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'Hello' }], max_tokens: 4 }),
    signal: AbortSignal.timeout(10_000),
  });
  await answer.text();
}

import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import type { BudgetAnswer, CostsAnswer } from '../../src/admin/answers.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import type { AuditReport } from '../../src/workflows/audit-budget.ts';
import type { LedgerBooks } from '../../src/workflows/messages.ts';
import { runLeash } from '../cli/run-leash.ts';
import type { ContractRecord } from '../support/books.ts';
import { eventually } from '../support/eventually.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

/** Money as the books tell it: costs, receipts and ledger against the provider's own charges. */

const settings = {
  LEASH_REAP_INTERVAL_MINUTES: '0.05',
  // The test says when; an hour's audit does not come between.
  LEASH_AUDIT_INTERVAL_MINUTES: '600',
  LEASH_BILLING_TAIL_SECONDS: '0.02',
  VASTAI_BUDGET_PERIOD: '7d',
};
const simulator = { chargesLagSeconds: 0.2 };

test('costs of two sessions, one of them terminated, are the provider’s by every dimension once audited', async () => {
  await using stack = await startStack({ settings, simulator });
  const { api, books } = stack;
  await Promise.all(['kept', 'cut'].map((session) => api.launched(aLaunch({ session }))));
  await Promise.all(['kept', 'cut'].map((session) => api.supervised(session)));
  const soFar = await costs(stack, 'session');
  expect(soFar.items.map(({ key }) => key).sort()).toEqual(['cut', 'kept']);
  expect(soFar.total.standing).toBe('so-far');
  await expectSoFar(stack);

  await terminate(stack, 'session/cut');
  const kept = await api.destroyed('kept');
  const cut = await api.ended('cut');
  expect(cut).toMatchObject({ outcome: 'terminated', final: false, instances: [{}] });
  await books.expectNoneAlive();
  await settled(stack);

  // The charges must have rested between two audits, and those of the terminated one for longer.
  await eventually(
    'both receipts are final',
    async () => {
      await audit(stack);
      const receipts = await Promise.all(['kept', 'cut'].map((session) => api.status(session)));
      return receipts.every(({ receipt }) => receipt?.final === true);
    },
    { withinMs: 60_000, everyMs: 500 },
  );
  const contracts = await books.ours();
  for (const by of ['session', 'gpu', 'day', 'part', 'provider'] as const) {
    const answer = await costs(stack, by);
    await expectAgreement(answer, contracts);
    expect(answer.total).toMatchObject({ standing: 'final', instances: contracts.length });
  }
  const bySession = await costs(stack, 'session');
  for (const item of bySession.items) {
    const theirs = contracts.filter(({ label }) => label?.includes(`.${item.key}.`));
    expect(item.usd.total).toBeCloseTo(sum(theirs, 'total'), 5);
  }
  expect(bySession.items.find(({ key }) => key === 'kept')?.forecast_usd).toBe(kept.forecast_usd);
  const byPart = await costs(stack, 'part');
  expect(byPart.items.map(({ key }) => key).sort()).toEqual(['bandwidth', 'gpu', 'storage']);
  expect(byPart.items.find(({ key }) => key === 'gpu')?.usd.total).toBeCloseTo(sum(contracts, 'gpu'), 5);
  expect((await costs(stack, 'session', 'to=2020-01-01')).items).toEqual([]);
  await expectSpreadsheet(stack, bySession);
});

test('a ledger that lost an update is corrected by the charges, and one it never had is added', async () => {
  await using stack = await startStack({ settings, simulator });
  const { api, books } = stack;
  await api.launched(aLaunch());
  await api.supervised('default');
  const receipt = await api.destroyed('default');
  await settled(stack);
  const chargedUsd = await books.chargedUsd(receipt);
  const key = `${stack.owner}:default:${receipt.run}`;

  // As if the session's last word had been a millionth of what it was.
  await correct(stack, [{ key, usd: 0.000001 }]);
  expect((await budget(stack)).spent_usd).toBeCloseTo(0.000001, 9);
  const report = await audit(stack);
  expect(report.corrected).toMatchObject([{ key, fromUsd: 0.000001 }]);
  expect((await budget(stack)).spent_usd).toBeCloseTo(chargedUsd, 5);
  expect((await audit(stack)).corrected).toEqual([]);

  // Too high stays until a day has passed: charges lag.
  await correct(stack, [{ key, usd: 1 }]);
  expect((await audit(stack)).corrected).toEqual([]);
  expect((await budget(stack)).spent_usd).toBe(1);

  // A ledger that is gone is opened again with the larger of archive and charges.
  await terminate(stack, `ledger/${stack.owner}`);
  await audit(stack);
  const rebuilt = (await budget(stack)).spent_usd;
  expect(rebuilt).toBeGreaterThanOrEqual(chargedUsd - 0.00001);
  expect(rebuilt).toBeLessThan(chargedUsd * 1.2);
});

test('a create that was neither answered nor ever listed is found by its charges and destroyed by its id', async () => {
  await using stack = await startStack({ settings, simulator });
  const { api, books } = stack;
  await stack.faults(
    ...['reply-lost-after', 'never-listed'].map((fault) => ({
      call: 'create',
      label_prefix: stack.labelPrefix('default'),
      fault,
    })),
  );
  await api.launched(aLaunch());
  await api.supervised('default');
  const receipt = await api.destroyed('default');
  const [unseen, served] = await books.ours();
  expect([unseen?.destroyed_at, typeof served?.destroyed_at]).toEqual([null, 'number']);
  const report = await eventually('an audit has destroyed it', async () => {
    const { destroyed } = await audit(stack);
    return destroyed.length > 0 ? destroyed : null;
  });
  expect(report).toMatchObject([{ instanceId: unseen?.id, why: 'its session has ended' }]);
  await books.awaitGone(unseen?.id ?? 0, 10_000);
  await books.expectStrangersUntouched();
  await settled(stack);
  const final = await eventually(
    'its receipt is final',
    async () => {
      await audit(stack);
      const status = await api.status('default');
      return status.receipt?.final === true ? status.receipt : null;
    },
    60_000,
  );
  const chargedUsd = sum(await books.ours(), 'total');
  expect(final.usd.total).toBeCloseTo(chargedUsd, 5);
  expect(final.usd.total).toBeGreaterThan(receipt.usd.total);
  expect(final.instances.map(({ instance_id }) => instance_id)).toEqual([unseen?.id, served?.id]);
  expect((await budget(stack)).spent_usd).toBeCloseTo(chargedUsd, 5);
});

test('the archive keeps what Temporal has forgotten, and the audit archives what was missed', async () => {
  await using stack = await startStack({ settings, simulator });
  const { api } = stack;
  await api.launched(aLaunch());
  await api.supervised('default');
  const receipt = await api.destroyed('default');
  const before = await costs(stack, 'session');
  expect(before.total.usd.total).toBeCloseTo(receipt.usd.total, 5);

  // As if the archive could not be written when the session ended.
  const file = new DatabaseSync(`${stack.environment.LEASH_HOME}/archive.db`, { timeout: 5_000 });
  file.exec('DELETE FROM leash_receipts; DELETE FROM leash_costs');
  file.close();
  expect((await costs(stack, 'session')).items).toEqual([]);
  await eventually('the audit has archived it', async () => (await audit(stack)).archived === 1);
  expect((await costs(stack, 'session')).total.usd).toEqual(before.total.usd);

  const { client, close } = await connectClient(stack.temporal);
  await client.workflowService
    .deleteWorkflowExecution({
      namespace: stack.temporal.namespace,
      workflowExecution: { workflowId: 'session/default' },
    })
    .finally(close);
  const forgotten = await api.until(
    'default',
    'is known by its receipt',
    ({ started_at, receipt: known }) => known !== null && started_at === receipt.started_at,
  );
  expect(forgotten).toMatchObject({ state: 'IDLE', outcome: 'completed', receipt: { run: receipt.run } });
});

test('alerts fire as the budget is spent, and the breach is projected from what burns', async () => {
  await using stack = await startStack({
    settings: { ...settings, VASTAI_BUDGET_LIMIT: '1', VASTAI_SESSION_BUDGET_LIMIT: '1' },
    simulator,
  });
  const { api } = stack;
  const empty = await budget(stack);
  expect(empty).toMatchObject({ period: '7d', alerts: [], projected_breach_at: null, free_usd: 1 });
  expect(Date.parse(empty.period_ends_at ?? '')).toBeGreaterThan(Date.now() + 6 * 86_400_000);
  await api.launched(aLaunch({ budget_usd: 0.5 }));
  const ready = await api.supervised('default');
  const burning = await budget(stack);
  const hours = (Date.parse(burning.projected_breach_at ?? '') - Date.now()) / 3_600_000;
  expect(hours * (ready.usd_per_hour ?? 0)).toBeGreaterThan(0.8);
  expect(hours * (ready.usd_per_hour ?? 0)).toBeLessThan(1.01);
  const receipt = await api.destroyed('default');
  await correct(stack, [{ key: `${stack.owner}:default:${receipt.run}`, usd: 0.85 }]);
  const spent = await budget(stack);
  expect(spent.alerts.map(({ percent }) => percent)).toEqual([50, 80]);
  expect(spent.projected_breach_at).toBeNull();
  const metrics = await (await fetch(`${api.url}/metrics`)).text();
  expect(metrics).toContain('leash_budget_alerts_total 2');
  expect(metrics).toContain('leash_budget_usd{kind="spent"} 0.85');
});

async function costs(stack: Stack, by: CostsAnswer['by'], more = ''): Promise<CostsAnswer> {
  const { status, body } = await stack.api.admin<CostsAnswer>('GET', `costs?by=${by}&${more}`);
  expect(status).toBe(200);
  return body;
}

async function budget(stack: Stack): Promise<BudgetAnswer> {
  return (await stack.api.admin<BudgetAnswer>('GET', 'budget')).body;
}

/** One run of the schedule, to its end. */
async function audit(stack: Stack): Promise<AuditReport> {
  const { client, close } = await connectClient(stack.temporal);
  try {
    const handle = client.schedule.getHandle('audit-budget');
    const newest = async () => {
      const last = (await handle.describe()).info.recentActions.at(-1);
      return last?.action.type === 'startWorkflow' ? last.action.workflow : null;
    };
    const before = (await newest())?.firstExecutionRunId;
    await handle.trigger();
    const run = await eventually('an audit has started', async () => {
      const last = await newest();
      return last?.firstExecutionRunId === before ? null : last;
    });
    const report = await client.workflow.getHandle(run.workflowId, run.firstExecutionRunId).result();
    return report as AuditReport;
  } finally {
    await close();
  }
}

async function correct(stack: Stack, corrections: { key: string; usd: number }[]): Promise<void> {
  const { client, close } = await connectClient(stack.temporal);
  const ledger = client.workflow.getHandle(`ledger/${stack.owner}`);
  await ledger.executeUpdate('correct', { args: [{ corrections }] });
  const { settled: known } = await ledger.query<LedgerBooks, [number]>('books', Date.now()).finally(close);
  for (const { key, usd } of corrections) expect(known[key]?.usd).toBe(usd);
}

async function terminate(stack: Stack, workflowId: string): Promise<void> {
  const { client, close } = await connectClient(stack.temporal);
  await client.workflow.getHandle(workflowId).terminate('by an operator').finally(close);
}

/** The provider's books of everything of ours are closed, and its charges show it. */
async function settled({ books }: Stack): Promise<void> {
  await eventually('the books are closed', async () => {
    const { now } = await books.read();
    return (await books.ours()).every(
      ({ destroyed_at, billed_until }) => destroyed_at !== null && (billed_until ?? now) + 1.5 <= now,
    );
  });
}

function sum(contracts: readonly ContractRecord[], part: keyof ContractRecord['usd']): number {
  return contracts.reduce((total, { usd }) => total + usd[part], 0);
}

/** Open sessions' meters run with the provider's; traffic follows when the contract is read again. */
async function expectSoFar(stack: Stack): Promise<void> {
  let seen = '';
  await eventually(
    () => `GPU and disk so far are those of the books; ${seen}`,
    async () => {
      const { usd } = (await costs(stack, 'session')).total;
      const contracts = await stack.books.ours();
      const booked = sum(contracts, 'gpu') + sum(contracts, 'disk');
      seen = JSON.stringify([usd, booked]);
      return Math.abs(usd.gpu + usd.storage - booked) <= booked * 0.1;
    },
    20_000,
  );
}

async function expectAgreement(answer: CostsAnswer, contracts: readonly ContractRecord[]): Promise<void> {
  const { usd } = answer.total;
  expect(usd.gpu).toBeCloseTo(sum(contracts, 'gpu'), 5);
  expect(usd.storage).toBeCloseTo(sum(contracts, 'disk'), 5);
  expect(usd.bandwidth).toBeCloseTo(sum(contracts, 'bandwidth'), 5);
  expect(usd.total).toBeCloseTo(sum(contracts, 'total'), 5);
  expect(answer.items.reduce((total, item) => total + item.usd.total, 0)).toBeCloseTo(usd.total, 5);
}

/** The same figures by `Accept` and on the command line. */
async function expectSpreadsheet({ api, token }: Stack, answer: CostsAnswer): Promise<void> {
  const { url } = api;
  const accepted = await fetch(`${url}/api/admin/costs`, {
    headers: { authorization: `Bearer ${token}`, accept: 'text/csv' },
  });
  expect(accepted.headers.get('content-type')).toContain('text/csv');
  const csv = await accepted.text();
  expect(csv.split('\r\n')).toHaveLength(answer.items.length + 3);
  expect(csv).toContain(`total,${answer.total.usd.gpu},`);
  const run = (...args: string[]) =>
    runLeash(['costs', '--url', url, ...args], { env: { ADMIN_TOKEN: token } });
  expect(await run('--csv')).toMatchObject({ code: 0, out: csv });
  expect(JSON.parse((await run('--json')).out)).toMatchObject({ total: answer.total });
  const text = (await run('--by', 'session')).out;
  for (const part of ['session', 'forecast', 'kept', 'cut', 'total', 'final']) expect(text).toContain(part);
}

import { Counter, Gauge, type Registry } from 'prom-client';
import type { Readiness, Sessions } from '../client.ts';
import { onceAScrape, sixDecimals } from './scrape.ts';

const PARTS = ['temporal', 'worker', 'schedules', 'market'] as const satisfies (keyof Readiness)[];

/** Whether the parts a launch needs are there, the safety nets run, and the budget holds. What is unknown is absent. */
export function measureGuarantees(registry: Registry, sessions: Sessions): void {
  partsOf(registry, sessions);
  reaperOf(registry, sessions);
  auditOf(registry, sessions);
  budgetOf(registry, sessions);
}

function partsOf(registry: Registry, sessions: Sessions): void {
  new Gauge({
    name: 'leash_part_ready',
    help: 'Whether a part that a launch needs is there, as /readyz says: 1 or 0',
    labelNames: ['part'] as const,
    registers: [registry],
    async collect() {
      this.reset();
      const readiness = await sessions.readiness().catch(() => null);
      if (readiness === null) return;
      for (const part of PARTS) this.set({ part }, readiness[part] ? 1 : 0);
    },
  });
}

function reaperOf(registry: Registry, sessions: Sessions): void {
  const read = onceAScrape(() => sessions.lastReap());
  runOf(
    registry,
    'leash_reaper_last_run_timestamp_seconds',
    "When the reaper's last finished run began",
    read,
  );
  new Gauge({
    name: 'leash_reaper_instances',
    help: 'Instances that the last run of the reaper found, destroyed, left (claimed ones too) and suspects',
    labelNames: ['result'] as const,
    registers: [registry],
    async collect() {
      const last = await read();
      this.reset();
      if (last === null) return;
      for (const result of ['found', 'destroyed', 'left', 'suspects'] as const)
        this.set({ result }, last[result]);
    },
  });
}

function auditOf(registry: Registry, sessions: Sessions): void {
  const read = onceAScrape(() => sessions.lastAudit());
  runOf(registry, 'leash_audit_last_run_timestamp_seconds', "When the audit's last finished run began", read);
  new Gauge({
    name: 'leash_audit_findings',
    help: 'What the last run of the audit corrected in the ledger, and instances it destroyed',
    labelNames: ['result'] as const,
    registers: [registry],
    async collect() {
      const last = await read();
      this.reset();
      if (last === null) return;
      for (const result of ['corrected', 'destroyed'] as const) this.set({ result }, last[result]);
    },
  });
}

function runOf(
  registry: Registry,
  name: string,
  help: string,
  read: () => Promise<{ readonly atMs: number } | null>,
): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    async collect() {
      const last = await read();
      if (last === null) this.remove();
      else this.set(last.atMs / 1_000);
    },
  });
}

function budgetOf(registry: Registry, sessions: Sessions): void {
  const read = onceAScrape(() => sessions.budget());
  new Gauge({
    name: 'leash_budget_usd',
    help: 'Dollars of the period: the limit, spent by closed sessions, reserved by open ones, free',
    labelNames: ['kind'] as const,
    registers: [registry],
    async collect() {
      this.reset();
      const budget = await read();
      if (budget === null) return;
      this.set({ kind: 'limit' }, sixDecimals(budget.limitUsd));
      this.set({ kind: 'spent' }, sixDecimals(budget.spentUsd));
      this.set({ kind: 'reserved' }, sixDecimals(budget.reservedUsd));
      this.set({ kind: 'free' }, sixDecimals(budget.freeUsd));
    },
  });
  new Gauge({
    name: 'leash_budget_breach_timestamp_seconds',
    help: 'When the limit of the period is reached at what burns now; 0 where it is not before the period ends',
    registers: [registry],
    async collect() {
      const budget = await read();
      if (budget === null) this.remove();
      else this.set((budget.projectedBreachAtMs ?? 0) / 1_000);
    },
  });
  new Counter({
    name: 'leash_budget_alerts_total',
    help: 'Thresholds of 50, 80 and 100 % of the budget that were reached, in all periods',
    registers: [registry],
    async collect() {
      const budget = await read();
      this.reset();
      this.inc(budget?.alertsFired ?? 0);
    },
  });
}

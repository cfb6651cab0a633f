import type { Receipt, ReceiptInstance, SessionView, Usd } from './session.ts';

/** Where a figure comes from: a running session's meter, our meter's last word, or the provider's own charges. */
export type CostStanding = 'so-far' | 'not-final' | 'final';

/** What one instance has cost, with the moments that its cost belongs to. */
export type CostLine = {
  readonly session: string;
  readonly run: string;
  readonly label: string;
  readonly instanceId: number | null;
  readonly gpu: string;
  readonly provider: 'vastai';
  readonly createdAtMs: number;
  readonly runningAtMs: number | null;
  readonly endedAtMs: number;
  readonly usd: Usd;
  readonly standing: CostStanding;
  /** The instance was seen gone, or its charges have ended. */
  readonly isSeenGone: boolean;
};

/** What an open session answers when asked for its costs. */
export type OpenCosts = {
  readonly session: string;
  readonly run: string;
  readonly forecastUsd: number | null;
  readonly attempts: SessionView['attempts'];
  readonly instances: readonly ReceiptInstance[];
};

export type Span = { readonly fromMs: number; readonly toMs: number };

export const COST_DIMENSIONS = ['session', 'gpu', 'day', 'part', 'provider'] as const;
export type CostDimension = (typeof COST_DIMENSIONS)[number];

export type CostGroup = {
  readonly key: string;
  readonly usd: Usd;
  readonly instances: number;
  readonly standing: CostStanding;
};

const DAY_MS = 86_400_000;
const NO_USD: Usd = { gpu: 0, storage: 0, bandwidth: 0, total: 0 };

/** The lines of a receipt: one for each instance that ever was, or may have been. */
export function costLinesOf(receipt: Receipt): CostLine[] {
  return linesOf(receipt, receipt.final ? 'final' : 'not-final', receipt.endedAtMs);
}

export function openCostLines(costs: OpenCosts, nowMs: number): CostLine[] {
  return linesOf(costs, 'so-far', nowMs);
}

/** The part of a line that lies in the span, each kind of cost by when it arose; null when none does. */
export function clipLine(line: CostLine, span: Span): CostLine | null {
  const fromMs = Math.max(line.createdAtMs, span.fromMs);
  const toMs = Math.min(line.endedAtMs, span.toMs);
  const isMoment = line.createdAtMs === line.endedAtMs;
  if (isMoment ? fromMs > toMs || fromMs >= span.toMs : fromMs >= toMs) return null;
  const gpu = line.usd.gpu * share({ ...line, createdAtMs: line.runningAtMs ?? line.createdAtMs }, span);
  const storage = line.usd.storage * share(line, span);
  // Traffic is image and weights above all, which come at the beginning.
  const bandwidth = line.createdAtMs >= span.fromMs ? line.usd.bandwidth : 0;
  return {
    ...line,
    createdAtMs: fromMs,
    runningAtMs: line.runningAtMs === null ? null : Math.max(line.runningAtMs, fromMs),
    endedAtMs: toMs,
    usd: { gpu, storage, bandwidth, total: gpu + storage + bandwidth },
  };
}

/** Sums by one dimension; days in their order, everything else dearest first. */
export function groupCosts(lines: readonly CostLine[], by: CostDimension): CostGroup[] {
  const pieces = by === 'day' ? lines.flatMap(byDay) : by === 'part' ? lines.flatMap(byPart) : lines;
  const groups = Map.groupBy(pieces, (line) => keyOf(line, by));
  const sums = [...groups].map(([key, members]) => ({ key, ...sumOf(members) }));
  return sums.sort((a, b) => (by === 'day' ? a.key.localeCompare(b.key) : b.usd.total - a.usd.total));
}

export function sumOf(lines: readonly CostLine[]): Omit<CostGroup, 'key'> {
  return {
    usd: lines.reduce((sum, { usd }) => plus(sum, usd), NO_USD),
    instances: new Set(lines.map(({ label, instanceId }) => `${label}/${instanceId}`)).size,
    standing: weakest(lines.map(({ standing }) => standing)),
  };
}

function linesOf(
  from: Pick<Receipt, 'session' | 'run' | 'attempts' | 'instances'>,
  standing: CostStanding,
  untilMs: number,
): CostLine[] {
  return from.instances.flatMap((instance) => {
    const attempt = from.attempts.find(({ label }) => label === instance.label);
    if (instance.createdAtMs === null && instance.usd.total === 0) return [];
    const createdAtMs = instance.createdAtMs ?? attempt?.startedAtMs ?? untilMs;
    return {
      session: from.session,
      run: from.run,
      label: instance.label,
      instanceId: instance.instanceId,
      gpu: attempt?.gpu ?? 'unknown',
      provider: 'vastai' as const,
      createdAtMs,
      runningAtMs: instance.runningAtMs,
      endedAtMs: Math.max(createdAtMs, instance.goneAtMs ?? untilMs),
      usd: instance.usd,
      standing,
      isSeenGone: instance.goneAtMs !== null,
    };
  });
}

function keyOf(line: CostLine, by: CostDimension): string {
  switch (by) {
    case 'session':
      return line.session;
    case 'gpu':
      return line.gpu;
    case 'day':
      return new Date(line.createdAtMs).toISOString().slice(0, 10);
    case 'part':
      return line.usd.gpu !== 0 ? 'gpu' : line.usd.storage !== 0 ? 'storage' : 'bandwidth';
    case 'provider':
      return line.provider;
  }
}

/** A line for each UTC day that it touches. */
function byDay(line: CostLine): CostLine[] {
  const days: CostLine[] = [];
  const firstMs = Math.floor(line.createdAtMs / DAY_MS) * DAY_MS;
  for (let fromMs = firstMs; fromMs <= line.endedAtMs; fromMs += DAY_MS) {
    const piece = clipLine(line, { fromMs, toMs: fromMs + DAY_MS });
    if (piece !== null) days.push(piece);
  }
  return days;
}

function byPart(line: CostLine): CostLine[] {
  const { gpu, storage, bandwidth } = line.usd;
  return [
    { ...line, usd: { ...NO_USD, gpu, total: gpu } },
    { ...line, usd: { ...NO_USD, storage, total: storage } },
    { ...line, usd: { ...NO_USD, bandwidth, total: bandwidth } },
  ].filter(({ usd }) => usd.total !== 0);
}

/** How much of a line's own span lies in another; a line of no length is in it whole. */
function share({ createdAtMs, endedAtMs }: Pick<CostLine, 'createdAtMs' | 'endedAtMs'>, span: Span): number {
  if (endedAtMs <= createdAtMs) return createdAtMs >= span.fromMs && createdAtMs < span.toMs ? 1 : 0;
  const overlapMs = Math.min(endedAtMs, span.toMs) - Math.max(createdAtMs, span.fromMs);
  return Math.max(0, overlapMs) / (endedAtMs - createdAtMs);
}

function weakest(standings: readonly CostStanding[]): CostStanding {
  if (standings.includes('so-far')) return 'so-far';
  return standings.includes('not-final') ? 'not-final' : 'final';
}

function plus(a: Usd, b: Usd): Usd {
  return {
    gpu: a.gpu + b.gpu,
    storage: a.storage + b.storage,
    bandwidth: a.bandwidth + b.bandwidth,
    total: a.total + b.total,
  };
}

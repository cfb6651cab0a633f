import { z } from 'zod';
import type { Account, ChargeRow } from '../domain/market.ts';
import { id, knownNumber, knownText, number, text } from './wire-values.ts';

/** A payment or credit of the account; usage is in charges. */
export type Invoice = {
  readonly invoiceId: string | null;
  readonly kind: string | null;
  readonly description: string | null;
  readonly usd: number;
  readonly atMs: number | null;
};

/** Storage that outlives instances and bills until it is deleted. */
export type Volume = {
  readonly volumeId: number;
  readonly label: string | null;
  readonly machineId: number | null;
  readonly diskGb: number | null;
  readonly usdPerHour: number | null;
  readonly startedAtMs: number | null;
};

/** Null where the answer does not say whose account it is or what it can spend; `balance` is another figure. */
export function toAccount(answer: unknown): Account | null {
  const parsed = AccountAnswer.safeParse(answer);
  return parsed.success ? { accountId: parsed.data.id, creditUsd: parsed.data.credit } : null;
}

/** Null for a row without span or amount. */
export function toChargeRow(row: unknown): ChargeRow | null {
  const parsed = Charge.safeParse(row);
  if (!parsed.success) return null;
  const { start, end, source, amount, items, metadata } = parsed.data;
  const sumOf = (...types: string[]): number =>
    (items ?? [])
      .filter(({ type }) => types.includes(type ?? ''))
      .reduce((sum, item) => sum + item.amount, 0);
  return {
    instanceId: instanceOf(source),
    label: metadata?.label || null,
    fromMs: Math.round(start * 1_000),
    toMs: Math.round(end * 1_000),
    usd: { gpu: sumOf('gpu'), storage: sumOf('disk'), bandwidth: sumOf('bwd', 'bwu'), total: amount },
  };
}

export function toInvoice(row: unknown): Invoice | null {
  const parsed = InvoiceRow.safeParse(row);
  if (!parsed.success) return null;
  const { id: invoiceId, type, service, source, description, amount, when, timestamp, start } = parsed.data;
  const atSec = when ?? timestamp ?? start;
  return {
    invoiceId: invoiceId ?? source,
    kind: service ?? type,
    description,
    usd: amount,
    atMs: atSec === null ? null : Math.round(atSec * 1_000),
  };
}

export function toVolume(row: unknown): Volume | null {
  const parsed = VolumeRow.safeParse(row);
  if (!parsed.success) return null;
  const {
    id: volumeId,
    label,
    name,
    machine_id,
    disk_space,
    size,
    dph_total,
    storage_total_cost,
    start_date,
  } = parsed.data;
  return {
    volumeId,
    label: label ?? name,
    machineId: machine_id,
    diskGb: disk_space ?? size,
    usdPerHour: dph_total ?? storage_total_cost,
    startedAtMs: start_date === null ? null : Math.round(start_date * 1_000),
  };
}

const AccountAnswer = z.object({ id: knownText, credit: knownNumber });

const Charge = z.object({
  start: knownNumber,
  end: knownNumber,
  source: text,
  amount: knownNumber,
  items: z.array(z.object({ type: text, amount: knownNumber })).nullish(),
  metadata: z.object({ label: text }).nullish(),
});

const InvoiceRow = z.object({
  id: text,
  type: text,
  service: text,
  source: text,
  description: text,
  amount: knownNumber,
  when: number,
  timestamp: number,
  start: number,
});

const VolumeRow = z.object({
  id,
  label: text,
  name: text,
  machine_id: number,
  disk_space: number,
  size: number,
  dph_total: number,
  storage_total_cost: number,
  start_date: number,
});

/** `instance-<id>`; volumes and serverless have other words. */
function instanceOf(source: string | null): number | null {
  const digits = /^instance-(\d+)$/.exec(source ?? '')?.[1];
  return digits === undefined ? null : Number(digits);
}

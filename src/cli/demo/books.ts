import { request } from 'undici';
import { z } from 'zod';
import type { ReceiptAnswer } from '../../admin/answers.ts';
import type { Column } from '../layout.ts';
import { usd } from '../text.ts';

/** A contract in the books of a simulated market, as far as a receipt is held against it. */
const contractSchema = z.object({
  id: z.number(),
  label: z.string().nullable(),
  created_at: z.number().nullable(),
  running_at: z.number().nullable(),
  destroyed_at: z.number().nullable(),
  billed_until: z.number().nullable(),
  destroy_requested_at: z.number().nullable(),
  state: z.string(),
  usd: z.object({ gpu: z.number(), disk: z.number(), bandwidth: z.number(), total: z.number() }),
});
const contractsSchema = z.object({ now: z.number(), contracts: z.array(contractSchema) });

export type Contract = z.output<typeof contractSchema>;
export type Books = z.output<typeof contractsSchema>;

const BOOKS_TIMEOUT_MS = 5_000;

/** Every contract ever, from the market's own side. */
export async function readBooks(marketUrl: string): Promise<Books> {
  const answer = await request(`${marketUrl}/_sim/contracts`, {
    signal: AbortSignal.timeout(BOOKS_TIMEOUT_MS),
  });
  return contractsSchema.parse(await answer.body.json());
}

/** Billing goes on for a while after an instance is gone; before that is over, the books are not the last word. */
export function isSettled({ now, contracts }: Books, labels: ReadonlySet<string>): boolean {
  return contracts
    .filter((contract) => contract.label !== null && labels.has(contract.label))
    .every((contract) => contract.destroyed_at !== null && (contract.billed_until ?? now) <= now);
}

export type Comparison = { readonly rows: string[][]; readonly disagreements: string[] };

export const COMPARISON_COLUMNS: readonly Column[] = [
  { title: 'instance', align: 'right' },
  { title: '' },
  { title: 'GPU', align: 'right' },
  { title: 'disk', align: 'right' },
  { title: 'traffic', align: 'right' },
  { title: 'total', align: 'right' },
  { title: 'gone at' },
];

/**
 * Holds a receipt against the market's books, instance by instance: each is gone on both sides, and the
 * dollars agree within 1 % or 5 s of its price, whichever is more.
 */
export function compareWithBooks(receipt: ReceiptAnswer, books: Books): Comparison {
  const prices = new Map(receipt.attempts.map((attempt) => [attempt.label, attempt.usd_per_hour]));
  const rows: string[][] = [];
  const disagreements: string[] = [];
  const claimed = new Set(receipt.instances.map((instance) => instance.label));
  for (const instance of receipt.instances) {
    const contract = books.contracts.find((one) => one.label === instance.label);
    const name = String(instance.instance_id ?? '');
    rows.push([
      name,
      'receipt',
      ...dollars(instance.usd.gpu, instance.usd.storage, instance.usd.bandwidth, instance.usd.total),
      timeOfDay(instance.gone_at === null ? null : Date.parse(instance.gone_at)),
    ]);
    if (contract === undefined) {
      disagreements.push(`the market knows no instance with the label ${instance.label}`);
      continue;
    }
    rows.push([
      String(contract.id),
      'market',
      ...dollars(contract.usd.gpu, contract.usd.disk, contract.usd.bandwidth, contract.usd.total),
      timeOfDay(contract.destroyed_at === null ? null : contract.destroyed_at * 1_000),
    ]);
    disagreements.push(...differences(instance, contract, prices.get(instance.label) ?? 0));
  }
  for (const contract of books.contracts) {
    if (contract.label !== null && prices.has(contract.label) && !claimed.has(contract.label))
      disagreements.push(`the receipt leaves out instance ${contract.id} (${contract.label})`);
  }
  return { rows, disagreements };
}

function differences(
  instance: ReceiptAnswer['instances'][number],
  contract: Contract,
  usdPerHour: number,
): string[] {
  const found: string[] = [];
  const name = `instance ${contract.id}`;
  if (instance.instance_id !== contract.id)
    found.push(`${name}: the receipt calls it ${instance.instance_id ?? 'never seen'}`);
  if (instance.gone_at === null) found.push(`${name}: the receipt does not say that it is gone`);
  if (contract.destroyed_at === null) found.push(`${name}: the market still has it (${contract.state})`);
  const toleratedUsd = Math.max(contract.usd.total * 0.01, (usdPerHour * 5) / 3_600);
  const differenceUsd = Math.abs(instance.usd.total - contract.usd.total);
  if (differenceUsd > toleratedUsd) {
    found.push(
      `${name}: the receipt says ${usd(instance.usd.total)}, the market ${usd(contract.usd.total)}, more than ${toleratedUsd.toFixed(6)} apart`,
    );
  }
  return found;
}

function dollars(...amounts: number[]): string[] {
  return amounts.map((amount) => `$${amount.toFixed(6)}`);
}

function timeOfDay(ms: number | null): string {
  return ms === null ? 'not yet' : new Date(ms).toTimeString().slice(0, 8);
}

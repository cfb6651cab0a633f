import type { Deps } from './deps.ts';

export type ChargesOrder = {
  readonly labels: readonly string[];
  readonly instanceIds: readonly number[];
  readonly fromMs: number;
};

/** What the provider has charged so far for these contracts, USD; null where it shows no row of them yet. */
export async function readCharges(
  deps: Deps,
  order: ChargesOrder,
): Promise<{ usd: number | null; coversUntilMs: number | null }> {
  const rows = await deps.vast.listCharges({
    fromMs: order.fromMs - 86_400_000,
    toMs: Date.now() + 86_400_000,
  });
  const ours = rows.filter(
    (row) =>
      (row.instanceId !== null && order.instanceIds.includes(row.instanceId)) ||
      (row.label !== null && order.labels.includes(row.label)),
  );
  if (ours.length === 0) return { usd: null, coversUntilMs: null };
  return {
    usd: ours.reduce((sum, row) => sum + row.usd.total, 0),
    coversUntilMs: Math.max(...ours.map((row) => row.toMs)),
  };
}

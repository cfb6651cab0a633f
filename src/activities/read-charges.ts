import type { ContractBill } from '../domain/market.ts';
import { addUsd } from '../domain/meter.ts';
import type { Deps } from './deps.ts';

export type ChargesOrder = {
  readonly labels: readonly string[];
  readonly instanceIds: readonly number[];
  readonly fromMs: number;
};

/** What the provider has charged so far, USD; `usd` is null where it shows no row of them yet. */
export type ChargesSoFar = {
  readonly usd: number | null;
  readonly coversUntilMs: number | null;
  /** By contract. Missing before 0.2.0. */
  readonly contracts?: readonly ContractBill[];
};

/** The charges of these contracts, by label or, where somebody changed that, by id. */
export async function readCharges(deps: Deps, order: ChargesOrder): Promise<ChargesSoFar> {
  const rows = await deps.vast.listCharges({
    fromMs: order.fromMs - 86_400_000,
    toMs: Date.now() + 86_400_000,
  });
  const ours = rows.filter(
    (row) =>
      (row.instanceId !== null && order.instanceIds.includes(row.instanceId)) ||
      (row.label !== null && order.labels.includes(row.label)),
  );
  if (ours.length === 0) return { usd: null, coversUntilMs: null, contracts: [] };
  const contracts = Map.groupBy(ours, ({ instanceId, label }) => `${instanceId}/${label}`);
  return {
    usd: addUsd(ours.map(({ usd }) => usd)).total,
    coversUntilMs: Math.max(...ours.map((row) => row.toMs)),
    contracts: [...contracts.values()].flatMap((members) => {
      const [first] = members;
      if (first === undefined) return [];
      return { instanceId: first.instanceId, label: first.label, usd: addUsd(members.map(({ usd }) => usd)) };
    }),
  };
}

import type { InstanceFacts } from '../domain/attempt.ts';
import type { Deps } from './deps.ts';
import { factsOf, hasLabel } from './instance-facts.ts';

export type GoneLook = {
  readonly lookedAtMs: number;
  /** True when every id was gone to a read by id *and* nothing in a complete list carried the label. */
  readonly isAbsent: boolean;
  /** What the list still shows under the label, ids we did not know included. */
  readonly present: readonly InstanceFacts[];
};

/** One look by id and by complete list. A failed or partial answer is thrown: it is never absence. */
export async function confirmGone(
  deps: Deps,
  order: { label: string; instanceIds: readonly number[] },
): Promise<GoneLook> {
  const lookedAtMs = Date.now();
  const { askedAtMs, instances } = await deps.instances.look(lookedAtMs);
  const listed = instances.filter(
    (instance) => hasLabel(instance, order.label) || order.instanceIds.includes(instance.instanceId),
  );
  if (listed.length > 0) {
    return { lookedAtMs, isAbsent: false, present: listed.map((instance) => factsOf(instance, askedAtMs)) };
  }
  for (const instanceId of order.instanceIds) {
    const shown = await deps.vast.showInstance(instanceId, { deadlineMs: Date.now() + 20_000 });
    if (shown.kind === 'found')
      return { lookedAtMs, isAbsent: false, present: [factsOf(shown.instance, Date.now())] };
  }
  return { lookedAtMs, isAbsent: true, present: [] };
}

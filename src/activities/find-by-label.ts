import type { InstanceFacts } from '../domain/attempt.ts';
import type { Deps } from './deps.ts';
import { factsOf, hasLabel } from './instance-facts.ts';

/** Every instance that carries exactly this label, by a complete list; throws when the list cannot be had. */
export async function findByLabel(deps: Deps, order: { label: string }): Promise<InstanceFacts[]> {
  const { askedAtMs, instances } = await deps.instances.look(Date.now());
  return instances
    .filter((instance) => hasLabel(instance, order.label))
    .map((instance) => factsOf(instance, askedAtMs));
}

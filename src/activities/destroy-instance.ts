import { log } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { InstanceFacts } from '../domain/attempt.ts';
import { MarketError } from '../vast/client.ts';
import type { Deps } from './deps.ts';
import { factsOf } from './instance-facts.ts';

export type DestroyAnswer = {
  readonly kind: 'accepted' | 'gone';
  readonly answeredAtMs: number;
  /** The last reading before the DELETE: what the final bill is made from. Null where it was not listed. */
  readonly lastSeen: InstanceFacts | null;
};

const READING_MS = 3_000;

export type DestroyOrder = {
  readonly instanceId: number;
  /** Set where no open session claims it: then it is kept in the archive that it was found. */
  readonly orphan?: { readonly label: string; readonly why: string };
};

/**
 * Sends one DELETE. `accepted` promises nothing (`confirmGone` sees to it); a refusal is thrown, so that the
 * retry policy repeats it for ever.
 */
export async function destroyInstance(deps: Deps, order: DestroyOrder): Promise<DestroyAnswer> {
  const lastSeen = await lastReading(deps, order.instanceId);
  const result = await deps.destroys.destroy(order.instanceId);
  if (result.kind === 'refused') {
    throw ApplicationFailure.create({
      type: 'destroy-refused',
      message: `Vast refuses to destroy ${order.instanceId}: ${result.message}`,
    });
  }
  const answeredAtMs = Date.now();
  if (result.kind === 'accepted') await keepFound(deps, order, answeredAtMs);
  return { kind: result.kind, answeredAtMs, lastSeen };
}

/** After the DELETE, and at best: an archive that is away keeps nothing from being destroyed. */
async function keepFound(
  { archive }: Deps,
  { instanceId, orphan }: DestroyOrder,
  atMs: number,
): Promise<void> {
  if (orphan === undefined) return;
  const { label, why } = orphan;
  await archive.writeOrphan({ instanceId, atMs, label, why }).catch((error: unknown) => {
    log.warn('cannot keep in the archive that an orphan was found', { instanceId, why: String(error) });
  });
}

/** The meter's last figures are worth a look, by list or else by id, and never worth a delay of the DELETE. */
async function lastReading(deps: Deps, instanceId: number): Promise<InstanceFacts | null> {
  const listed = await unlessLate(async () => {
    const { askedAtMs, instances } = await deps.instances.find({ instanceId }, Date.now());
    const instance = instances.find((row) => row.instanceId === instanceId);
    return instance === undefined ? null : factsOf(instance, askedAtMs);
  });
  if (listed !== null) return listed;
  return unlessLate(async () => {
    const shown = await deps.vast.showInstance(instanceId, { deadlineMs: Date.now() + READING_MS });
    return shown.kind === 'found' ? factsOf(shown.instance, Date.now()) : null;
  });
}

async function unlessLate(read: () => Promise<InstanceFacts | null>): Promise<InstanceFacts | null> {
  try {
    return await withinMs(READING_MS, read());
  } catch (error) {
    if (error instanceof MarketError || error instanceof TooLate) return null;
    throw error;
  }
}

class TooLate extends Error {}

async function withinMs<Value>(ms: number, promise: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TooLate()), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

import type { Logger } from 'pino';
import { type KeyRights, MarketError, type VastClient } from './vast/client.ts';

/** Makes a key that may do what Leash does and nothing else; the file is part of this repository. */
export const NARROW_KEY_COMMAND =
  'vastai create api-key --name leash --permission_file deploy/vast-permissions.json';

const READ_MS = 15_000;

/**
 * Whoever gets hold of a key that may move money has the money, and a program that rents GPUs needs no such key.
 * Throws where the market states that this one may; what it does not state is logged, and stops nothing.
 */
export async function refuseBroadKey(
  vast: Pick<VastClient, 'readKeyRights'>,
  { isAllowed, logger }: { isAllowed: boolean; logger: Logger },
): Promise<void> {
  const rights = await readRights(vast);
  if (rights.kind === 'unstated') {
    logger.warn({ why: rights.why }, 'what VASTAI_API_KEY may do is not known');
    return;
  }
  if (rights.broad.length > 0 && !isAllowed) throw new Error(`Cannot start: ${explainBroad(rights.broad)}`);
  if (rights.broad.length > 0)
    logger.warn({ may: rights.broad }, 'VASTAI_API_KEY may do more than Leash needs');
  if (rights.missing.length > 0)
    logger.warn({ missing: rights.missing }, 'VASTAI_API_KEY may do less than Leash needs');
}

/** What is wrong with a key that may do too much, and both ways on. */
export function explainBroad(broad: readonly string[]): string {
  return `VASTAI_API_KEY may ${broad.join(', ')}, which Leash never does: whoever finds the key could. Make one that may not: ${NARROW_KEY_COMMAND}. To go on with this one: LEASH_ALLOW_BROAD_KEY=true`;
}

async function readRights(vast: Pick<VastClient, 'readKeyRights'>): Promise<KeyRights> {
  try {
    return await vast.readKeyRights({ deadlineMs: Date.now() + READ_MS });
  } catch (error) {
    if (error instanceof MarketError) return { kind: 'unstated', why: error.message };
    throw error;
  }
}

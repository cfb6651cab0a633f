import { MarketError } from '../vast/client.ts';
import type { Deps } from './deps.ts';

export type AccountAnswer =
  | { readonly kind: 'ok'; readonly creditUsd: number }
  | { readonly kind: 'no-credit'; readonly creditUsd: number }
  /** The key was not taken. */
  | { readonly kind: 'refused'; readonly message: string }
  /** No connection came about. */
  | { readonly kind: 'unreachable'; readonly message: string }
  /** It answered, and could not serve us just now: waiting helps. */
  | { readonly kind: 'busy'; readonly message: string };

/** A launch waits five seconds for its answer, and an unreachable market is one. */
const READ_MS = 3_000;

/** Spendable credit, read before each launch: at zero it is the account's failure, and no machine is to blame. */
export async function readAccount(deps: Deps): Promise<AccountAnswer> {
  try {
    const { creditUsd } = await deps.vast.currentUser({ deadlineMs: Date.now() + READ_MS });
    return creditUsd > 0 ? { kind: 'ok', creditUsd } : { kind: 'no-credit', creditUsd };
  } catch (error) {
    if (!(error instanceof MarketError)) throw error;
    if (error.kind === 'auth' || error.kind === 'refused') return { kind: 'refused', message: error.message };
    if (error.kind === 'unreachable') return { kind: 'unreachable', message: error.message };
    return { kind: 'busy', message: error.message };
  }
}

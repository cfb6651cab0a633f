import type { Sessions } from '../../src/client.ts';
import { Problem } from '../../src/domain/problem.ts';
import { idleView } from '../../src/domain/session.ts';
import { type ScriptedSessions, scriptedSessions } from '../support/scripted-sessions.ts';

/** An installation where nothing is rented, and what a test says besides. */
export function noSessions(script: Partial<Sessions> = {}): ScriptedSessions {
  return scriptedSessions({
    list: async () => ({ items: [], next: null }),
    status: async (session) => idleView(session),
    budget: async () => ({
      limitUsd: 15,
      spentUsd: 0,
      reservedUsd: 0,
      freeUsd: 15,
      period: 'month',
      periodEndMs: null,
      alerts: [],
      alertsFired: 0,
      projectedBreachAtMs: null,
    }),
    plan: async () => {
      throw new Problem('market-unreachable', 'The market is of no concern here.');
    },
    ...script,
  });
}

import type { ProblemAnswer } from '../admin/answers.ts';

/**
 * What to do about a refusal, where the server's own sentence leaves it open; null where it says so itself.
 *
 * The server speaks to every caller, so it names no commands: that is for here.
 */
export function remedyOf({ kind }: ProblemAnswer, path: string): string | null {
  if (kind === 'not-found') return LISTS.find(([prefix]) => path.startsWith(prefix))?.[1] ?? null;
  return REMEDIES[kind];
}

const REMEDIES: Record<ProblemAnswer['kind'], string | null> = {
  invalid: null,
  unauthorized: null,
  'over-budget':
    'leash sessions and leash costs show what holds it. End a session, ask for less with --budget, or raise VASTAI_BUDGET_LIMIT.',
  'no-credit': 'Add credit to the account at the market, then try again: leash doctor reads it.',
  forbidden: 'This token may only look: set ADMIN_TOKEN to the admin token of the server.',
  'not-found': null,
  conflict: null,
  destroying: 'Wait for its end with leash status --watch, then try again.',
  'nothing-to-extend': null,
  'too-many': 'Wait a minute, then try again.',
  'market-unreachable': 'Try again in a moment; leash doctor says what is wrong with network, key or market.',
  'market-refused': 'leash doctor says what the key may do, and what the account holds.',
  'temporal-unreachable':
    'leash doctor says what is wrong with it. Nothing is lost: what runs goes on once it is back.',
  internal:
    'This is a fault of the server: its log has the whole of it; leash doctor looks at what it needs.',
  'no-worker': 'Start one with leash up, or node src/worker.ts; leash doctor says which queues have none.',
};

/** Where to look up what was not found. */
const LISTS: readonly (readonly [path: string, remedy: string])[] = [
  ['/api/admin/keys', 'leash keys list --all has every key.'],
  ['/api/admin/machines', 'leash machines has all that is remembered.'],
  ['/api/admin/schedules', 'leash schedule list has all hours.'],
  ['/api/admin/sessions', 'leash status tells what became of it, leash sessions --all which there were.'],
];

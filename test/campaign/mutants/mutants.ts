import type { Edit } from '../../support/product-copy.ts';
import type { Mishap, Step } from '../plan.ts';
import type { Invariant } from '../records.ts';

/** A way to break the product that somebody could take for an improvement, and where it must show. */
export type Mutant = {
  readonly name: string;
  /** What is wrong with it, as its author would not say it. */
  readonly what: string;
  readonly edits: readonly Edit[];
  /** What makes it show: without mishaps a broken product works too. */
  readonly steps: readonly Step[];
  readonly sessions: number;
  readonly together: number;
  /** Goes on launching for so long, up to `sessions`; left out: until all are launched. */
  readonly minutes?: number;
  /** Instances of others that fill the first pages of the list. */
  readonly strangers?: number;
  /** The promises of which it must break one at least. */
  readonly breaks: readonly Invariant[];
};

/** The same mishap again and again. */
function every(seconds: number, mishap: Mishap, { from = 2, to = 90 } = {}): Step[] {
  const count = Math.max(1, Math.ceil((to - from) / seconds));
  return Array.from({ length: count }, (_, nth) => ({ atSeconds: from + nth * seconds, mishap }));
}

function fault(script: Readonly<Record<string, string | number>>): Mishap {
  return { do: 'fault', script };
}

function inOrder(...steps: readonly Step[][]): Step[] {
  return steps.flat().sort((a, b) => a.atSeconds - b.atSeconds);
}

/**
 * Each is caught by the campaign, which shows that it looks. Where two guards stand behind one another, both are
 * taken away: with either left the product keeps its promise, as it should.
 */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'create-retried-blindly',
    what: 'The client sends a create again when its reply was lost.',
    edits: [
      {
        file: 'src/vast/creating.ts',
        find: '    const { result, isTooMany } = await sendOnce(caller, request, turn.waitedMs);\n',
        replace: `    let { result, isTooMany } = await sendOnce(caller, request, turn.waitedMs);
    for (let again = 0; again < 3 && result.kind === 'unknown'; again += 1)
      ({ result, isTooMany } = await sendOnce(caller, request, 0));
`,
      },
    ],
    steps: every(3, fault({ call: 'create', fault: 'reply-lost-after', times: 2 }), { to: 60 }),
    sessions: 30,
    together: 16,
    breaks: ['double-rent', 'orphan', 'lie'],
  },
  {
    name: 'create-retried-by-policy',
    what: 'The activity that creates is repeated when its worker dies, without look-up and grant.',
    edits: [
      {
        file: 'src/workflows/policies.ts',
        find: `    heartbeatTimeout: '20 seconds',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { maximumAttempts: 1 },`,
        replace: `    heartbeatTimeout: '20 seconds',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { maximumAttempts: 5 },`,
      },
      {
        file: 'src/activities/rent-instance.ts',
        find: '  if (adopted !== undefined) {',
        replace: '  if (adopted !== undefined && adopted.instanceId < 0) {',
      },
      {
        file: 'src/activities/rent-instance.ts',
        find: "  if (kind === 'spent-now') return;",
        replace: "  if (kind !== 'no-grant') return;",
      },
    ],
    steps: every(6, { do: 'crash', call: 'create', moment: 'after' }, { to: 80 }),
    sessions: 40,
    together: 16,
    breaks: ['double-rent', 'orphan', 'lie'],
  },
  {
    name: 'teardown-trusts-the-first-200',
    what: 'An instance counts as gone when its DELETE was accepted.',
    edits: [
      {
        file: 'src/workflows/give-back.ts',
        find: "    if (judge().kind === 'gone') break;",
        replace: "    if (attempt.destroyAcceptedAtMs !== null || judge().kind === 'gone') break;",
      },
    ],
    steps: every(4, fault({ call: 'destroy', fault: 'destroy-lingers', seconds: 25, times: 2 }), { to: 80 }),
    sessions: 24,
    together: 12,
    breaks: ['orphan', 'lie'],
  },
  {
    name: 'teardown-trusts-early-absence',
    what: 'Absence counts before the instance was ever seen, and before its create can have settled.',
    edits: [
      {
        file: 'src/domain/teardown.ts',
        find: '  return Math.max(facts.wasSeen ? 0 : settledAtMs, ...deletesSentAtMs);',
        replace: '  return Math.max(Math.min(0, settledAtMs), ...deletesSentAtMs);',
      },
    ],
    steps: inOrder(
      every(3, fault({ call: 'create', fault: 'reply-lost-after', times: 3 }), { to: 60 }),
      every(3, fault({ call: 'create', fault: 'listed-late', seconds: 20, times: 3 }), { to: 60 }),
      every(2.5, { do: 'cancel', pick: 0.95 }, { from: 5, to: 60 }),
    ),
    sessions: 40,
    together: 16,
    breaks: ['orphan', 'lie'],
  },
  {
    name: 'reaper-takes-one-page',
    what: 'What does not fit on the first page of the list is not there.',
    edits: [
      {
        file: 'src/vast/listing.ts',
        find: '    if (page.nextToken === null) {',
        replace: '    if (pages >= 0) return rows;\n    if (page.nextToken === null) {',
      },
    ],
    // The audit would find by the charges what the reaper does not see, and faults end with the last launch: so
    // launches go on for minutes after the first were terminated.
    steps: inOrder(
      every(600, fault({ call: 'charges', fault: 'server-error', times: 0 }), { from: 1 }),
      every(3, { do: 'terminate', pick: 0.9 }, { from: 8, to: 60 }),
    ),
    sessions: 1_000,
    together: 6,
    minutes: 3.5,
    strangers: 40,
    breaks: ['orphan'],
  },
  {
    name: 'reaper-reads-claims-first',
    what: 'Sessions are asked what they claim before the instances are listed.',
    edits: [
      {
        file: 'src/workflows/reap-orphans.ts',
        find: '  const survey = await listOf(otherOwner);\n',
        replace: `  const before = await listOf(otherOwner);
  const early = await quick({ summary: 'ask first' }).describeSessions({
    sessions: namedSessions(before.ours, before.openReservations, input.owner),
  });
  const survey = await listOf(otherOwner);
`,
      },
      {
        file: 'src/workflows/reap-orphans.ts',
        find: '    verdicts = judgeOurs(input, survey, sessions);',
        replace: '    verdicts = judgeOurs(input, survey, { ...sessions, ...early });',
      },
    ],
    // A list that is drawn up late has what sessions have claimed and rented since they were asked; a slow search
    // leaves many of them with their money reserved and nothing rented yet, so that they are asked in time.
    steps: inOrder(
      every(2, fault({ call: 'list', fault: 'late', seconds: 4, times: 1 }), { to: 240 }),
      every(4, fault({ call: 'search', fault: 'slow-reply', seconds: 8, times: 1 }), { to: 240 }),
    ),
    sessions: 1_000,
    together: 16,
    minutes: 4,
    breaks: ['stranger'],
  },
  {
    name: 'ledger-without-reservations',
    what: 'A launch is judged by what was spent, and not by what others may yet spend.',
    edits: [
      {
        file: 'src/domain/ledger.ts',
        find: 'microUsd(spentUsd + reservedUsd + capUsd)',
        replace: 'microUsd(spentUsd + 0 * reservedUsd + capUsd)',
      },
    ],
    steps: [],
    sessions: 44,
    together: 24,
    breaks: ['overspend'],
  },
  {
    name: 'failed-list-is-empty',
    what: 'A list that cannot be had is taken for one with nothing on it.',
    edits: [
      {
        file: 'src/activities/instance-board.ts',
        find: 'const instances = await this.#readAll(askedAtMs);',
        replace: 'const instances = await this.#readAll(askedAtMs).catch(() => []);',
      },
    ],
    steps: inOrder(
      every(3, fault({ call: 'create', fault: 'reply-lost-after', times: 3 }), { to: 40 }),
      every(2, fault({ call: 'list', fault: 'auth-error', times: 12 }), { from: 6, to: 70 }),
      every(4, { do: 'cancel', pick: 0.9 }, { from: 12, to: 60 }),
    ),
    sessions: 30,
    together: 16,
    breaks: ['orphan', 'double-rent', 'lie'],
  },
  {
    name: 'bad-key-is-gone',
    what: 'A 404 that says auth_error is taken for an instance that is gone.',
    edits: [
      {
        file: 'src/vast/answer.ts',
        find: "  if (kindOf(answer.status, said.code) === 'auth') return false;",
        replace: "  if (kindOf(answer.status, said.code) === 'auth') return true;",
      },
    ],
    steps: inOrder(
      every(3, fault({ call: 'create', fault: 'never-listed', times: 3 }), { from: 1, to: 60 }),
      every(3, fault({ call: 'destroy', fault: 'auth-error', times: 3 }), { to: 90 }),
      every(3, fault({ call: 'show', fault: 'auth-error', times: 4 }), { to: 90 }),
    ),
    sessions: 20,
    together: 10,
    breaks: ['orphan', 'lie'],
  },
];

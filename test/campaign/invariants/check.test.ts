import { describe, expect, test } from 'vitest';
import type { RunRecords } from '../records.ts';
import { check } from './check.ts';
import { aContract, aLife, aReceipt, aSession, aStatus, labelOf, records, START } from './records-builder.ts';

const found = (set: Partial<RunRecords>) =>
  check(records(set)).map(({ invariant, what }) => `${invariant}: ${what}`);
const kept = (set: Partial<RunRecords>) => expect(found(set)).toEqual([]);
const broken = (set: Partial<RunRecords>, words: RegExp) =>
  expect(found(set)).toEqual(expect.arrayContaining([expect.stringMatching(words)]));

const anAttempt = {
  attempt: 1,
  label: labelOf(),
  tier: 'RTX 4090',
  offer_id: 90,
  machine_id: 9,
  gpu: 'RTX 4090',
  usd_per_hour: 0.3,
  phase: 'gone',
  started_at: new Date(START * 1_000).toISOString(),
  ended_at: null,
  failure: null,
  instance_id: 501,
  usd: 0.31,
  ...{ created_at: null, running_at: null, ready_at: null },
  ...{ expected_running_seconds: null, expected_ready_seconds: null },
} as const;
const ALIVE = {
  destroy_requested_at: null,
  destroy_accepted_at: null,
  destroyed_at: null,
  destroyed_by: null,
  state: 'running',
} as const;
const SECOND = {
  id: 502,
  label: labelOf(2),
  requested_at: START + 30,
  created_at: START + 30,
  listed_at: START + 30,
};
const withSecond = (status = aStatus({ receipt: null })) => ({ sessions: [aSession({ status })] });

test('a session that gave back what it rented, in time and for its money, breaks nothing', () => kept({}));

describe('orphans', () => {
  test('an instance that is alive when all has ended', () =>
    broken({ contracts: [aContract(ALIVE)], strangersBefore: [] }, /^orphan: contract 501 .* is running/));
  test('not one whose DELETE was accepted a moment ago', () =>
    kept({
      contracts: [
        aContract({
          ...ALIVE,
          destroy_requested_at: START + 60,
          destroy_accepted_at: START + 290,
          state: 'destroying',
        }),
      ],
      strangersBefore: [],
      ...withSecond(),
    }));
  test('one that outlived its session by more than the reaper takes', () =>
    broken(
      {
        contracts: [aContract({ destroy_requested_at: START + 170, destroyed_at: START + 171 })],
        strangersBefore: [],
        ...withSecond(),
      },
      /^orphan: contract 501 outlived its session by 99/,
    ));
  test('not one that the reaper found in time, nor one while no worker ran', () => {
    kept({
      contracts: [aContract({ destroy_requested_at: START + 130, destroyed_at: START + 131 })],
      strangersBefore: [],
      ...withSecond(),
    });
    kept({
      contracts: [aContract({ destroy_requested_at: START + 230, destroyed_at: START + 231 })],
      strangersBefore: [],
      outages: [{ what: 'worker', fromMs: (START + 80) * 1_000, toMs: (START + 180) * 1_000 }],
      ...withSecond(),
    });
  });
});

describe('double rents', () => {
  const both = [aContract(), aContract({ ...SECOND, destroyed_at: START + 62 })];
  test('two instances of one session at once', () =>
    broken(
      { contracts: both, strangersBefore: [], ...withSecond() },
      /^double-rent: 2 contracts at once, 1 wanted/,
    ));
  test('not where two were asked for', () =>
    kept({
      contracts: both,
      strangersBefore: [],
      sessions: [aSession({ hedge: 2, budgetUsd: 1, status: aStatus({ receipt: null }) })],
    }));
  test('not when the DELETE of the first had arrived', () =>
    kept({
      contracts: [aContract({ destroy_requested_at: START + 29 }), aContract(SECOND)],
      strangersBefore: [],
      sessions: [aSession({ budgetUsd: 1, status: aStatus({ receipt: null }) })],
    }));
  test('one label rented twice, however far apart', () =>
    broken(
      {
        contracts: [aContract(), aContract({ ...SECOND, label: labelOf(1), created_at: START + 62 })],
        strangersBefore: [],
        ...withSecond(),
      },
      /^double-rent: .* was rented 2 times/,
    ));
  test('not beside one that the market never listed while it was looked up', () =>
    kept({
      contracts: [
        aContract({ listed_at: START + 40 }),
        aContract({ ...SECOND, created_at: START + 38, listed_at: START + 38 }),
      ],
      strangersBefore: [],
      sessions: [aSession({ budgetUsd: 1, status: aStatus({ receipt: null }) })],
    }));
  test('beside one that was listed in time, though its answer was lost', () =>
    broken(
      {
        contracts: [
          aContract({ listed_at: START + 10, reply: 'lost' }),
          aContract({ ...SECOND, created_at: START + 38 }),
        ],
        strangersBefore: [],
        ...withSecond(),
      },
      /^double-rent/,
    ));
  test('not just after a reset from outside', () =>
    kept({
      contracts: both,
      strangersBefore: [],
      hands: [{ atMs: (START + 25) * 1_000, did: 'reset', session: 's1' }],
      sessions: [aSession({ budgetUsd: 1, status: aStatus({ receipt: null }) })],
    }));
});

describe('overspends', () => {
  const dear = { gpu: 0.7, disk: 0, bandwidth: 0.1, total: 0.8 };
  const unread = withSecond();
  test('a session that cost more than its budget and one reading', () =>
    broken(
      { contracts: [aContract({ usd: dear })], strangersBefore: [], ...unread },
      /^overspend: it cost \$0\.8000 of a budget of \$0\.5000/,
    ));
  test('not by the traffic of one reading', () =>
    kept({
      contracts: [aContract({ usd: { ...dear, gpu: 0.49, total: 0.59 } })],
      strangersBefore: [],
      ...unread,
    }));
  test('not by what it cost while no worker ran', () => {
    const long = { destroy_requested_at: START + 2_000, destroyed_at: START + 2_001, usd: dear };
    kept({
      contracts: [aContract(long)],
      strangersBefore: [],
      runs: [aLife({ closedAtMs: (START + 2_010) * 1_000 })],
      outages: [{ what: 'worker', fromMs: (START + 160) * 1_000, toMs: (START + 1_990) * 1_000 }],
      ...unread,
    });
  });
  test('more held than the limit', () =>
    broken(
      { limits: [{ atMs: 0, usd: 0.4 }] },
      /^overspend: at .* \$0\.5000 were held and \$0\.0000 spent, with a limit of \$0\.4000/,
    ));
});

describe('strangers', () => {
  const stranger = aContract({ id: 7, label: 'somebody', ...ALIVE });
  const touched = (set: object) => ({
    strangersBefore: [stranger],
    contracts: [{ ...stranger, ...set }, aContract()],
  });
  test('one that was sent a DELETE', () =>
    broken(touched({ destroy_requested_at: START }), /^stranger: .* was sent a DELETE/));
  test('one that was renamed', () =>
    broken(touched({ label: 'ours' }), /^stranger: .* had its label changed/));
  test('one that was stopped in a calm market', () =>
    broken(touched({ state: 'stopped' }), /^stranger: .* is stopped/));
  test('not one that its own host stopped', () =>
    kept({ ...touched({ state: 'stopped' }), profile: 'hostile' }));
});

describe('what an open session holds', () => {
  const taken = { contracts: [aContract({ destroy_requested_at: START + 40, destroyed_at: START + 61 })] };
  test('was destroyed long before its session sent a DELETE', () =>
    broken({ ...taken, strangersBefore: [] }, /^stranger: contract 501 was destroyed by the account 20/));
  test('not by its own guard or host, nor what a reset session forgot', () => {
    const [contract] = taken.contracts;
    kept({ contracts: [aContract({ ...contract, destroyed_by: 'instance' })], strangersBefore: [] });
    const hands = [{ atMs: (START + 30) * 1_000, did: 'reset' as const, session: 's1' }];
    kept({ ...taken, strangersBefore: [], hands });
  });
});

describe('lies', () => {
  test('a launch was refused, and something was rented', () =>
    broken(
      { sessions: [aSession({ launch: 'over-budget', said: 'no money' })] },
      /^lie: its launch was refused/,
    ));
  test('READY on an instance that did not run yet', () =>
    broken(
      { sightings: [{ atMs: (START + 3) * 1_000, session: 's1', state: 'READY', instanceId: 501 }] },
      /^lie: it was said to be READY on instance 501, which did not run yet/,
    ));
  test('READY on an instance that is not its own', () =>
    broken(
      { sightings: [{ atMs: (START + 9) * 1_000, session: 's1', state: 'READY', instanceId: 7 }] },
      /^lie: .* none of its contracts/,
    ));
  test('READY on one that had long been gone', () =>
    broken(
      { sightings: [{ atMs: (START + 120) * 1_000, session: 's1', state: 'READY', instanceId: 501 }] },
      /^lie: .* long been gone/,
    ));
  test('not READY on one that ran', () =>
    kept({ sightings: [{ atMs: (START + 20) * 1_000, session: 's1', state: 'READY', instanceId: 501 }] }));
  test('a receipt says gone of what was there at its end', () =>
    broken(
      { contracts: [aContract({ destroyed_at: START + 80 })], strangersBefore: [] },
      /^lie: its receipt says that contract 501 is gone/,
    ));
  test('a receipt does not know what was rented', () =>
    broken(
      { sessions: [aSession({ status: aStatus({ receipt: aReceipt({ instances: [] }) }) })] },
      /^lie: its receipt does not know contract 501/,
    ));
  test('not yet of what was rented before a reset, but once the receipt is final', () => {
    const reset = {
      hands: [{ atMs: (START + 40) * 1_000, did: 'reset', session: 's1' }],
    } as const;
    const nothing = { instances: [], usd: { gpu: 0, storage: 0, bandwidth: 0, total: 0 } };
    const session = (final: boolean) => ({
      sessions: [aSession({ status: aStatus({ receipt: aReceipt({ ...nothing, final }) }) })],
    });
    kept({ ...reset, ...session(false) });
    broken({ ...reset, ...session(true) }, /^lie: its receipt does not know contract 501/);
  });
  test('the first receipt did not know what was rented, though the audit has mended it', () =>
    broken(
      { sessions: [aSession({ firstReceipt: aReceipt({ final: false, instances: [] }) })] },
      /^lie: its receipt does not know contract 501/,
    ));
  test('not a receipt that awaits the charges of what was never listed', () =>
    kept({
      contracts: [aContract({ listed_at: null })],
      strangersBefore: [],
      sessions: [
        aSession({
          status: aStatus({
            receipt: aReceipt({ final: false, usd: { gpu: 0, storage: 0, bandwidth: 0, total: 0 } }),
          }),
        }),
      ],
    }));
  test('not a receipt without what its own guard ended unseen, until it is final', () => {
    const nothing = { instances: [], usd: { gpu: 0, storage: 0, bandwidth: 0, total: 0 } };
    const given = (final: boolean) => ({
      contracts: [aContract({ destroyed_by: 'instance' })],
      strangersBefore: [],
      sessions: [aSession({ status: aStatus({ receipt: aReceipt({ ...nothing, final }) }) })],
    });
    kept(given(false));
    broken(given(true), /^lie: its receipt does not know contract 501/);
    kept({ ...given(true), renamedIds: [501] });
  });
  test('not a receipt that counts what went unwatched until it was seen gone, until it is final', () => {
    const usd = { gpu: 0.4, storage: 0.01, bandwidth: 0.1, total: 0.51 };
    const attempts = [{ ...anAttempt, usd_per_hour: 12 }];
    const given = (final: boolean) => ({
      contracts: [aContract({ destroyed_at: START + 1, billed_until: START + 1 })],
      strangersBefore: [],
      sessions: [aSession({ status: aStatus({ receipt: aReceipt({ final, usd, attempts }) }) })],
    });
    broken(given(false), /^lie: its receipt \(not final\) says/);
    const outages = [{ what: 'worker' as const, fromMs: START * 1_000, toMs: (START + 61) * 1_000 }];
    kept({ ...given(false), outages });
    broken({ ...given(true), outages }, /^lie: its receipt \(final\) says/);
  });
  test('a final receipt is more than 1 % from the books', () =>
    broken(
      {
        contracts: [aContract({ usd: { gpu: 0.21, disk: 0.01, bandwidth: 0.1, total: 0.32 } })],
        strangersBefore: [],
      },
      /^lie: its receipt \(final\) says \$0\.3100, and the books \$0\.3200/,
    ));
});

describe('limbo', () => {
  const shown = {
    contracts: [aContract({ ...ALIVE, destroy_requested_at: START + 60 })],
    strangersBefore: [],
    runs: [aLife({ closedAtMs: null })],
  };
  test('a session that goes on when everything is over', () =>
    broken(
      {
        runs: [aLife({ closedAtMs: null })],
        sessions: [aSession({ isOpen: true, status: aStatus({ state: 'BOOTING', receipt: null }) })],
      },
      /^limbo: it is still BOOTING/,
    ));
  test('not one in DESTROYING that says so, of an instance which the provider still shows', () =>
    kept({
      ...shown,
      sessions: [
        aSession({
          isOpen: true,
          status: aStatus({ state: 'DESTROYING', unconfirmed_for_seconds: 240, receipt: null }),
        }),
      ],
    }));
  test('one in DESTROYING of an instance that is gone', () =>
    broken(
      {
        runs: [aLife({ closedAtMs: null })],
        sessions: [
          aSession({
            isOpen: true,
            status: aStatus({ state: 'DESTROYING', unconfirmed_for_seconds: 240, receipt: null }),
          }),
        ],
      },
      /^limbo: it is still DESTROYING/,
    ));
  test('one that ended without an outcome', () =>
    broken(
      { sessions: [aSession({ status: aStatus({ outcome: null, receipt: null }) })] },
      /^limbo: it ended without an outcome/,
    ));
  test('one that ended long after its deadline', () =>
    broken(
      { runs: [aLife({ closedAtMs: (START + 500) * 1_000 })], endedAtMs: (START + 600) * 1_000 },
      /^limbo: it ended 320\.0 s after its deadline/,
    ));
  test('one that was accepted and is known to nobody', () =>
    broken(
      { contracts: [], runs: [], strangersBefore: [] },
      /^limbo: it was accepted, and Temporal does not know it/,
    ));
  test('one that ended by what nothing foresaw', () =>
    broken(
      {
        sessions: [
          aSession({ status: aStatus({ reason: 'It failed unexpectedly: activity Heartbeat timeout' }) }),
        ],
      },
      /^limbo: it ended by a bug/,
    ));
  test('a net that does not run any more', () =>
    broken({ netFailures: ['reap-orphans has not run'] }, /^limbo: reap-orphans/));
});

test('a history that does not replay, and a secret that was told, are violations', () => {
  broken(
    { replayFailures: [{ workflowId: 'session/s1', runId: 'r', why: 'no match' }] },
    /^nondeterminism: session\/s1/,
  );
  broken(
    { leaks: [{ where: 'worker.log', what: 'the admin token' }] },
    /^secret: the admin token is in the worker\.log/,
  );
});

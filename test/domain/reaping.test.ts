import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatLabel } from '../../src/domain/label.ts';
import {
  judgeInstances,
  labelOfOwner,
  type ReaperInstance,
  type ReaperVerdict,
  type SessionFacts,
  withinCeiling,
} from '../../src/domain/reaping.ts';

const OWNER = 'ownerowner';
const NOW_MS = 1_790_000_000_000;
const NOW_SEC = NOW_MS / 1_000;
const TEN_MINUTES_MS = 600_000;
const HOUR_SEC = 3_600;

function aLabel(set: Partial<Parameters<typeof formatLabel>[0]> = {}): string {
  const fresh = {
    owner: OWNER,
    session: 'work',
    run: 'runrunrun1',
    attempt: 1,
    expiresAtSec: NOW_SEC + HOUR_SEC,
  };
  return formatLabel({ ...fresh, ...set });
}

function anOrphan(set: Partial<ReaperInstance> = {}): ReaperInstance {
  return {
    instanceId: 9001,
    label: aLabel(),
    labelFromEnvironment: null,
    usdPerHour: 0.42,
    actualStatus: 'running',
    ...set,
  };
}

function anOpen(set: Partial<SessionFacts & { kind: 'open' }> = {}): SessionFacts {
  return { kind: 'open', run: 'runrunrun1', claims: [aLabel()], endsByMs: NOW_MS + HOUR_SEC * 1_000, ...set };
}

function judge(
  instance: ReaperInstance,
  facts: SessionFacts | null,
  more: { suspects?: number[]; nowMs?: number } = {},
): ReaperVerdict | undefined {
  const [verdict] = judgeInstances([instance], {
    owner: OWNER,
    nowMs: more.nowMs ?? NOW_MS,
    sessions: facts === null ? {} : { work: facts },
    suspects: more.suspects ?? [],
  });
  return verdict;
}

describe('of an open session', () => {
  test('what it claims is kept', () => {
    expect(judge(anOrphan(), anOpen())).toMatchObject({ action: 'keep', session: 'work', run: 'runrunrun1' });
  });

  test('an earlier attempt, an earlier run and a create given up are destroyed', () => {
    const claims = [aLabel({ attempt: 2 }), aLabel({ run: 'runrunrun2' })];
    expect(judge(anOrphan(), anOpen({ claims }))).toMatchObject({ action: 'destroy', isProven: true });
  });

  test('a memo that claims nothing keeps nothing', () => {
    expect(judge(anOrphan(), anOpen({ claims: [] }))?.action).toBe('destroy');
  });

  test('is kept for ten minutes past its end, in which its own teardown is at work, and no longer', () => {
    const endsByMs = NOW_MS - TEN_MINUTES_MS;
    expect(judge(anOrphan(), anOpen({ endsByMs }))?.action).toBe('keep');
    expect(judge(anOrphan(), anOpen({ endsByMs: endsByMs - 1 }))).toMatchObject({
      action: 'destroy',
      isProven: true,
    });
    expect(judge(anOrphan(), anOpen({ endsByMs: null }))?.action).toBe('keep');
  });

  test('the label’s expiry beats every claim, ten minutes after it', () => {
    const label = aLabel({ expiresAtSec: NOW_SEC - 600 });
    const facts = anOpen({ claims: [label], endsByMs: null });
    expect(judge(anOrphan({ label }), facts)?.action).toBe('keep');
    expect(judge(anOrphan({ label }), facts, { nowMs: NOW_MS + 1 })).toMatchObject({
      action: 'destroy',
      isProven: true,
    });
  });
});

test.each([
  ['that wrote its receipt', true],
  ['that was terminated', false],
])('of a closed session %s it is destroyed, suspect or not', (_, wroteReceipt) => {
  const facts: SessionFacts = { kind: 'closed', run: 'runrunrun1', wroteReceipt };
  expect(judge(anOrphan(), facts)).toMatchObject({ action: 'destroy', isProven: true });
});

describe('of a session this Temporal does not know', () => {
  test.each([null, { kind: 'unknown' } as const])(
    'it is reported first and destroyed when seen so twice',
    (facts) => {
      expect(judge(anOrphan(), facts)).toMatchObject({ action: 'report', isProven: false });
      expect(judge(anOrphan(), facts, { suspects: [9002] })?.action).toBe('report');
      expect(judge(anOrphan(), facts, { suspects: [9001] })).toMatchObject({
        action: 'destroy',
        isProven: false,
      });
    },
  );

  test('it is destroyed at once past its expiry: nobody is at work on it', () => {
    const label = aLabel({ expiresAtSec: NOW_SEC });
    expect(judge(anOrphan({ label }), null)?.action).toBe('report');
    expect(judge(anOrphan({ label }), null, { nowMs: NOW_MS + 1 })).toMatchObject({
      action: 'destroy',
      isProven: true,
    });
  });
});

describe('whose an instance is', () => {
  test('a label changed in the console is still ours by its environment', () => {
    const renamed = anOrphan({ label: 'my favourite', labelFromEnvironment: aLabel() });
    expect(judge(renamed, anOpen())).toMatchObject({ action: 'keep', label: aLabel() });
  });

  test('the environment says which attempt it is when the visible label names another', () => {
    const swapped = anOrphan({ label: aLabel({ attempt: 2 }), labelFromEnvironment: aLabel() });
    expect(judge(swapped, anOpen())).toMatchObject({ action: 'keep', label: aLabel() });
  });

  test('one whose environment names another owner is not ours, whatever was written on it', () => {
    const theirs = anOrphan({ labelFromEnvironment: aLabel({ owner: 'otherowner' }) });
    expect(labelOfOwner(theirs, OWNER)).toBeNull();
    expect(judge(theirs, null, { suspects: [9001] })).toBeUndefined();
  });

  test.each([
    ['no label', null],
    ['a stranger’s', 'training-run-7'],
    ['another owner’s', aLabel({ owner: 'otherowner' })],
    ['an owner that begins like ours', aLabel().replace(OWNER, `${OWNER}x`)],
    ['our prefix and no more', `leash.${OWNER}.`],
    ['upper case', aLabel().toUpperCase()],
    ['one with more after it', `${aLabel()}.bak`],
    ['one with more before it', `copy-of-${aLabel()}`],
    ['one without expiry', aLabel().replace(/\.x[0-9]+$/, '')],
  ])('%s is not looked at, wherever it stands', (_, label) => {
    for (const instance of [anOrphan({ label }), anOrphan({ label: null, labelFromEnvironment: label })])
      expect(judge(instance, null, { suspects: [9001], nowMs: NOW_MS * 2 })).toBeUndefined();
  });

  test('no verdict is ever about an instance that carries no label of ours', () => {
    const owner = fc.constantFrom(OWNER, 'otherowner', 'ownerowneq');
    const label = fc.oneof(
      fc.constant(null),
      fc.string(),
      owner.map((one) => aLabel({ owner: one })),
      fc.string({ maxLength: 3 }).map((more) => aLabel() + more),
      fc.string({ maxLength: 3 }).map((more) => `leash.${OWNER}${more}.work.runrunrun1.1.x1`),
    );
    const instances = fc.array(fc.record({ label, labelFromEnvironment: label }));
    fc.assert(
      fc.property(instances, (all) => {
        const rows = all.map((set, index) => anOrphan({ ...set, instanceId: index }));
        const known = {
          owner: OWNER,
          nowMs: NOW_MS * 2,
          sessions: {},
          suspects: rows.map((_, index) => index),
        };
        for (const { instanceId, label: text } of judgeInstances(rows, known)) {
          expect([rows[instanceId]?.label, rows[instanceId]?.labelFromEnvironment]).toContain(text);
          expect(text.split('.')).toEqual([
            'leash',
            OWNER,
            'work',
            'runrunrun1',
            '1',
            expect.stringMatching(/^x\d+$/),
          ]);
        }
      }),
    );
  });
});

describe('the ceiling of one run', () => {
  const verdict = (action: ReaperVerdict['action'], isProven: boolean, instanceId = 1): ReaperVerdict => ({
    instanceId,
    label: aLabel(),
    session: 'work',
    run: 'runrunrun1',
    usdPerHour: null,
    action,
    why: 'its session is unknown, seen so twice',
    isRelabelled: false,
    isProven,
  });

  test('holds for unknown sessions, the rest of which are reported and say so', () => {
    const cut = withinCeiling(
      [1, 2, 3].map((id) => verdict('destroy', false, id)),
      2,
    );
    expect(cut.map(({ action }) => action)).toEqual(['destroy', 'destroy', 'report']);
    expect(cut[2]?.why).toContain('destroyed 2 of unknown sessions already');
  });

  test('spares what is proven dead, and changes nothing else', () => {
    const choices = fc.array(fc.tuple(fc.constantFrom('keep', 'destroy', 'report' as const), fc.boolean()));
    fc.assert(
      fc.property(choices, fc.nat(5), (all, max) => {
        const before = all.map(([action, isProven], index) => verdict(action, isProven, index));
        const after = withinCeiling(before, max);
        const unknowns = (list: ReaperVerdict[]) =>
          list.filter(({ action, isProven }) => action === 'destroy' && !isProven).length;
        expect(unknowns(after)).toBe(Math.min(max, unknowns(before)));
        before.forEach((one, index) => {
          if (one.action !== 'destroy' || one.isProven) expect(after[index]).toEqual(one);
        });
      }),
    );
  });
});

import { describe, expect, test } from 'vitest';
import {
  type ContractCharges,
  chargesOfOwner,
  contractKey,
  correctionsOf,
  finalReceipt,
  labelsByInstance,
  ROW_FRESH_MS,
  unaccountedFor,
} from '../../src/domain/auditing.ts';
import type { ChargeRow } from '../../src/domain/market.ts';
import { anInstance, aReceipt, aUsd, labelOf, OWNER } from '../support/receipts.ts';

const HOUR_MS = 3_600_000;
const GONE_MS = anInstance().goneAtMs ?? 0;
const TAIL_MS = 300_000;
const KEY = `${OWNER}:default:runrunrun1`;

function aRow(set: Partial<ChargeRow> = {}): ChargeRow {
  return {
    instanceId: 4_001,
    label: labelOf(),
    fromMs: anInstance().createdAtMs ?? 0,
    toMs: GONE_MS + 60_000,
    usd: aUsd({ gpu: 0.51, storage: 0.02, bandwidth: 0.1 }),
    ...set,
  };
}

function charged(...rows: ChargeRow[]): ContractCharges[] {
  return chargesOfOwner(rows, OWNER);
}

describe('whose charges', () => {
  test('rows of one contract are one, over all its time', () => {
    const [only, ...others] = charged(aRow({ toMs: GONE_MS - HOUR_MS }), aRow({ fromMs: GONE_MS - HOUR_MS }));
    expect(others).toEqual([]);
    expect(only).toMatchObject({ key: KEY, fromMs: aRow().fromMs, toMs: aRow().toMs, usd: { gpu: 1.02 } });
  });

  test('strangers, other owners, look-alikes and volumes are not ours', () => {
    const labels = [null, 'mine', labelOf().replace(OWNER, 'otherowner'), `x${labelOf()}`];
    expect(charged(...labels.map((label) => aRow({ label })))).toEqual([]);
  });

  test('what somebody renamed in the console is ours where a receipt names its id', () => {
    const labels = labelsByInstance([aReceipt()]);
    const rows = [aRow({ label: 'renamed' }), aRow({ instanceId: 5_001, label: 'renamed' })];
    const found = chargesOfOwner(rows, OWNER, labels);
    expect(found).toMatchObject([{ instanceId: 4_001, label: labelOf(), key: KEY }]);
  });
});

describe('correcting the ledger', () => {
  const books = {
    nowMs: GONE_MS + HOUR_MS,
    tailMs: TAIL_MS,
    periodStartMs: GONE_MS - 24 * HOUR_MS,
    settled: { [KEY]: { usd: 0.6, atMs: GONE_MS } },
    settledSinceMs: GONE_MS - 24 * HOUR_MS,
    openKeys: new Set<string>(),
    finalKeys: new Set<string>(),
    receipts: [],
  };

  test('what was charged beyond what was booked counts at once', () => {
    const [correction] = correctionsOf(charged(aRow()), books);
    expect(correction?.key).toBe(KEY);
    expect(correction?.usd).toBeCloseTo(0.63, 12);
  });

  test.each([
    ['an hour after the end', { nowMs: GONE_MS + HOUR_MS, finalKeys: new Set([KEY]) }, 0],
    ['while the charges are not complete', { nowMs: GONE_MS + 30 * HOUR_MS }, 0],
    ['a day after, when they are', { nowMs: GONE_MS + 24 * HOUR_MS, finalKeys: new Set([KEY]) }, 1],
  ])('less than was booked, %s: %o', (_, set, corrections) => {
    const settled = { [KEY]: { usd: 0.9, atMs: GONE_MS } };
    expect(correctionsOf(charged(aRow()), { ...books, ...set, settled })).toHaveLength(corrections);
  });

  test('a session that is open is left to its reservation', () => {
    expect(correctionsOf(charged(aRow()), { ...books, openKeys: new Set([KEY]) })).toEqual([]);
  });

  test.each([
    ['ended in this period, and the ledger would know it', {}, 1],
    ['ended before the period', { periodStartMs: GONE_MS + HOUR_MS }, 0],
    ['may have closed before the ledger kept count', { settledSinceMs: GONE_MS }, 0],
  ])('a session the ledger never heard of that %s', (_, set, corrections) => {
    expect(correctionsOf(charged(aRow()), { ...books, settled: {}, ...set })).toHaveLength(corrections);
  });

  test.each([
    ['no row is there yet', [], 0.5, 0.5],
    ['its rows are not complete', [aRow()], 0.9, 0.9],
    ['its rows come to more', [aRow()], 0.1, 0.63],
  ])(
    'a session that only its receipt remembers counts by the larger where %s',
    (_, rows, receiptUsd, usd) => {
      const receipts = [{ key: KEY, usd: receiptUsd, endedAtMs: GONE_MS }];
      const [correction] = correctionsOf(charged(...rows), { ...books, settled: {}, receipts });
      expect(correction?.usd).toBeCloseTo(usd, 12);
    },
  );

  test('a receipt of a session that the ledger knows changes nothing', () => {
    const receipts = [{ key: KEY, usd: 0.9, endedAtMs: GONE_MS }];
    expect(correctionsOf([], { ...books, receipts })).toEqual([]);
  });

  test('what agrees is left alone', () => {
    const settled = { [KEY]: { usd: 0.63, atMs: GONE_MS } };
    expect(correctionsOf(charged(aRow()), { ...books, settled })).toEqual([]);
  });
});

describe('a receipt becomes final', () => {
  const later = { nowMs: GONE_MS + HOUR_MS, tailMs: TAIL_MS };
  const rested = (...charges: ContractCharges[]) => ({
    ...later,
    endsBefore: Object.fromEntries(charges.map((one) => [contractKey(one), one.toMs])),
  });

  test('with the provider’s figures, once its charges cover the contract’s life and have rested', () => {
    const charges = charged(aRow());
    const final = finalReceipt(aReceipt(), charges, rested(...charges));
    expect(final).toMatchObject({ final: true, outcome: 'completed', instances: [{ usd: aRow().usd }] });
    expect(final?.providerUsd).toBeCloseTo(0.63, 12);
    expect(final?.usd.total).toBe(final?.providerUsd);
  });

  test('not while a row has grown since the last audit, or is new', () => {
    const charges = charged(aRow());
    const grown = {
      ...later,
      endsBefore: { [contractKey({ label: labelOf(), instanceId: 4_001 })]: GONE_MS },
    };
    expect(finalReceipt(aReceipt(), charges, grown)).toBeNull();
    expect(finalReceipt(aReceipt(), charges, { ...later, endsBefore: {} })).toBeNull();
  });

  test('not while rows end before the instance was gone, or there are none', () => {
    const early = charged(aRow({ toMs: GONE_MS - 31_000 }));
    expect(finalReceipt(aReceipt(), early, rested(...early))).toBeNull();
    expect(finalReceipt(aReceipt(), [], rested())).toBeNull();
  });

  test('where it was seen gone long after its charges ended, a day later; without charges never', () => {
    const early = charged(aRow({ toMs: GONE_MS - 60_000 }));
    const nextDay = { nowMs: GONE_MS + 25 * HOUR_MS };
    expect(finalReceipt(aReceipt(), early, { ...rested(...early), ...nextDay })).toMatchObject({
      final: true,
      instances: [{ goneAtMs: GONE_MS }],
    });
    expect(finalReceipt(aReceipt(), [], { ...rested(), ...nextDay })).toBeNull();
  });

  test('not before the provider’s billing has had time to end', () => {
    const charges = charged(aRow());
    const early = { ...rested(...charges), nowMs: GONE_MS + TAIL_MS - 1 };
    expect(finalReceipt(aReceipt(), charges, early)).toBeNull();
  });

  test('not while one of two instances is not covered', () => {
    const second = anInstance({ label: labelOf({ attempt: 2 }), instanceId: 4_002 });
    const receipt = aReceipt({ instances: [anInstance(), second] });
    const charges = charged(aRow());
    expect(finalReceipt(receipt, charges, rested(...charges))).toBeNull();
  });

  test('at nothing, for a create that was refused and never charged', () => {
    const never = { instanceId: null, createdAtMs: null, runningAtMs: null, destroySentAtMs: null };
    const receipt = aReceipt({ instances: [anInstance({ ...never, usd: aUsd() })] });
    expect(finalReceipt(receipt, [], rested())).toMatchObject({ final: true, providerUsd: 0 });
  });

  test('by its charges’ end where nobody saw it go, a day after they stopped', () => {
    const receipt = aReceipt({ outcome: 'terminated', instances: [anInstance({ goneAtMs: null })] });
    const charges = charged(aRow());
    expect(finalReceipt(receipt, charges, rested(...charges))).toBeNull();
    const nextDay = { ...rested(...charges), nowMs: GONE_MS + 25 * HOUR_MS };
    expect(finalReceipt(receipt, charges, nextDay)).toMatchObject({ instances: [{ goneAtMs: aRow().toMs }] });
  });

  test('of a create that was given up unseen, it tells which instance the charges are for', () => {
    const unseen = anInstance({
      instanceId: null,
      createdAtMs: null,
      goneAtMs: GONE_MS - HOUR_MS,
      usd: aUsd(),
    });
    const charges = charged(aRow());
    const final = finalReceipt(aReceipt({ instances: [unseen] }), charges, rested(...charges));
    expect(final?.instances).toMatchObject([
      { instanceId: 4_001, createdAtMs: aRow().fromMs, goneAtMs: aRow().toMs, usd: aRow().usd },
    ]);
  });

  test('with what its run rented after the point that a reset took it back to, a day after that stopped', () => {
    const receipt = aReceipt({ instances: [] });
    const charges = charged(aRow());
    expect(finalReceipt(receipt, charges, rested(...charges))).toBeNull();
    const nextDay = { ...rested(...charges), nowMs: GONE_MS + 25 * HOUR_MS };
    expect(finalReceipt(receipt, charges, nextDay)).toMatchObject({
      instances: [{ instanceId: 4_001, label: labelOf(), usd: aRow().usd }],
      usd: { gpu: 0.51 },
    });
    const anothers = charged(aRow({ label: labelOf({ run: 'runrunrun2' }) }));
    expect(finalReceipt(receipt, anothers, rested(...anothers))).toMatchObject({ instances: [] });
  });

  test('at nothing, where nothing was rented, once what might have been would show', () => {
    const receipt = aReceipt({ instances: [] });
    expect(finalReceipt(receipt, [], { ...rested(), nowMs: receipt.endedAtMs + TAIL_MS - 1 })).toBeNull();
    expect(finalReceipt(receipt, [], rested())).toMatchObject({ final: true, providerUsd: 0 });
  });

  test('once', () => {
    const charges = charged(aRow());
    expect(finalReceipt(aReceipt({ final: true }), charges, rested(...charges))).toBeNull();
  });
});

describe('the third witness', () => {
  test('a contract in the charges and in no receipt is handed to the reaper’s table', () => {
    const known = { nowMs: GONE_MS + HOUR_MS, closedInstances: new Set<number>() };
    expect(unaccountedFor(charged(aRow()), known)).toMatchObject([{ instanceId: 4_001, label: labelOf() }]);
  });

  test.each([
    ['a receipt saw it gone', { closedInstances: new Set([4_001]) }],
    ['its row has not grown for days', { nowMs: aRow().toMs + ROW_FRESH_MS + 1 }],
  ])('not when %s', (_, set) => {
    const known = { nowMs: GONE_MS + HOUR_MS, closedInstances: new Set<number>(), ...set };
    expect(unaccountedFor(charged(aRow()), known)).toEqual([]);
  });
});

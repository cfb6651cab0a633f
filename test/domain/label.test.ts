import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatLabel, type Label, ownerPrefix, parseLabel } from '../../src/domain/label.ts';

const LABEL: Label = {
  owner: 'abcdefghi0',
  session: 'default',
  run: 'r0u1n2r3u4',
  attempt: 3,
  expiresAtSec: 1_790_000_000,
};
const TEXT = 'leash.abcdefghi0.default.r0u1n2r3u4.3.x1790000000';

const label: fc.Arbitrary<Label> = fc.record({
  owner: fc.stringMatching(/^[a-z0-9]{10}$/),
  session: fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,39}$/),
  run: fc.stringMatching(/^[a-z0-9]{10}$/),
  attempt: fc.integer({ min: 1, max: 9_999_999 }),
  expiresAtSec: fc.integer({ min: 0, max: 999_999_999_999 }),
});

test('a label says owner, session, run, attempt and expiry, and is read back as it was', () => {
  expect(formatLabel(LABEL)).toBe(TEXT);
  fc.assert(
    fc.property(label, (one) => {
      expect(parseLabel(formatLabel(one))).toEqual(one);
    }),
  );
});

test('is short and plain enough for the market to keep it unchanged', () => {
  fc.assert(
    fc.property(label, (one) => {
      expect(formatLabel(one)).toMatch(/^[a-z0-9.-]{1,256}$/);
    }),
  );
});

test('whatever parses is written exactly so', () => {
  const nearly = label.chain((one) => {
    const text = formatLabel(one);
    return fc.tuple(fc.nat(text.length), fc.string({ maxLength: 2 }), fc.nat(2)).map(([at, put, cut]) => {
      return text.slice(0, at) + put + text.slice(at + cut);
    });
  });
  fc.assert(
    fc.property(nearly, (text) => {
      const parsed = parseLabel(text);
      if (parsed !== null) expect(formatLabel(parsed)).toBe(text);
    }),
    { numRuns: 1_000 },
  );
});

test.each([
  ['nothing', null],
  ['an empty label', ''],
  ['a stranger’s label', 'training-run-7'],
  ['our prefix alone', 'leash.abcdefghi0.'],
  ['upper case', TEXT.toUpperCase()],
  ['an upper-case owner', TEXT.replace('abc', 'Abc')],
  ['a longer one', `${TEXT}.more`],
  ['a line more', `${TEXT}\n`],
  ['a space before', ` ${TEXT}`],
  ['another program’s', TEXT.replace('leash.', 'leashes.')],
  ['a longer owner', TEXT.replace('abcdefghi0', 'abcdefghi01')],
  ['a shorter owner', TEXT.replace('abcdefghi0', 'abcdefghi')],
  ['a dot in the session', TEXT.replace('default', 'de.fault')],
  ['a session that begins with a hyphen', TEXT.replace('default', '-default')],
  ['attempt 0', TEXT.replace('.3.', '.0.')],
  ['a padded attempt', TEXT.replace('.3.', '.03.')],
  ['a padded expiry', TEXT.replace('x1790000000', 'x01790000000')],
  ['no expiry', TEXT.replace('.x1790000000', '')],
  ['an expiry with a fraction', `${TEXT}.5`],
  ['digits of another script', TEXT.replace('.3.', '.٣.')],
])('%s is no label of ours', (_, text) => {
  expect(parseLabel(text)).toBeNull();
});

test.each([
  { attempt: 0 },
  { attempt: 1.5 },
  { expiresAtSec: Number.NaN },
  { expiresAtSec: Number.POSITIVE_INFINITY },
  { expiresAtSec: 1.5 },
  { session: '' },
  { session: 'a'.repeat(41) },
  { session: 'a.b' },
  { owner: 'short' },
  { run: 'TOO-UPPER1' },
])('%o makes no label: it would not be found again', (set) => {
  expect(() => formatLabel({ ...LABEL, ...set })).toThrow('Not a label of ours');
});

test('the owner’s prefix ends with the dot, so that no longer owner begins with it', () => {
  expect(ownerPrefix('abc')).toBe('leash.abc.');
  expect('leash.abcd.default'.startsWith(ownerPrefix('abc'))).toBe(false);
});

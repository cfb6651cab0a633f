import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TARGETS as BROKEN } from './broken-targets.ts';
import { fuzz, HEAP_GROWTH_MIB_MAX } from './fuzz.ts';
import { TARGETS, type Target } from './targets.ts';

const SOUND = new URL('./targets.ts', import.meta.url).href;
const cases = join(import.meta.dirname, 'cases');

/** A million is `npm run fuzz`; here each parser gets what once broke it, and a look. */
test.each(TARGETS.map((target) => [target.name, target] as const))(
  '%s: no input crashes, hangs or deceives the parser',
  async (_name, target) => {
    const { finding, inputs } = await fuzz({ module: SOUND, target, inputs: 400, seed: 7, cases });
    expect(finding && { why: finding.why, input: Buffer.from(finding.input).toString('latin1') }).toBeNull();
    expect(inputs).toBeGreaterThanOrEqual(400);
  },
  60_000,
);

test('a parser that throws is found, with the shortest input that makes it', async () => {
  const { finding } = await search('throws on a name of all objects');
  expect(finding?.why).toBe('TypeError: Cannot read this.');
  expect(finding?.input.length).toBeLessThan(30);
});

test('a parser that does not come to an end is ended, and found', async () => {
  const { finding } = await search('goes round for ever after two empty lines', { hangMs: 1_500 });
  expect(finding?.why).toMatch(/did not come to an end/);
  expect(Buffer.from(finding?.input ?? []).includes('\n\n\n')).toBe(true);
});

test('a parser that keeps what it reads is seen to grow', async () => {
  const { heapGrowthMib } = await search('keeps what it reads', { inputs: 20_000 });
  expect(heapGrowthMib).toBeGreaterThan(HEAP_GROWTH_MIB_MAX);
});

function search(name: string, more: { hangMs?: number; inputs?: number } = {}) {
  const module = new URL('./broken-targets.ts', import.meta.url).href;
  return fuzz({ module, target: named(BROKEN, name), inputs: 3_000, seed: 1, ...more });
}

function named(targets: readonly Target[], name: string): Target {
  const found = targets.find((target) => target.name === name);
  if (found === undefined) throw new Error(`There is no target ${name}.`);
  return found;
}

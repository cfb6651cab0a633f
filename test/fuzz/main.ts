/**
 * `npm run fuzz -- --inputs 1000000`: spoiled, made-up and random inputs for every parser of outside data, shared
 * among them. What crashes one, hangs it or makes it answer wrongly is kept in `test/fuzz/cases` and played by every
 * test run from then on.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fuzz, HEAP_GROWTH_MIB_MAX } from './fuzz.ts';
import { TARGETS } from './targets.ts';

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
});
const targets = TARGETS.filter(({ name }) => values.only === undefined || name.includes(values.only));
const inputs = Math.ceil(Number(values.inputs) / targets.length);
const module = new URL('./targets.ts', import.meta.url).href;
const cases = join(import.meta.dirname, 'cases');

let played = 0;
let findings = 0;
process.stdout.write(`${'parser'.padEnd(46)}inputs   per s  slowest  heap\n`);
for (const target of targets) {
  const result = await fuzz({ module, target, inputs, seed: Number(values.seed), cases });
  const isGrown = result.heapGrowthMib > HEAP_GROWTH_MIB_MAX;
  const isWrong = result.finding !== null || isGrown;
  played += result.inputs;
  findings += isWrong ? 1 : 0;
  const figures = [
    String(result.inputs).padStart(6),
    (result.inputs / result.seconds).toFixed(0).padStart(8),
    `${result.slowestMs.toFixed(0)} ms`.padStart(9),
    `${result.heapGrowthMib.toFixed(1)} MiB`.padStart(9),
  ];
  process.stdout.write(`${target.name.padEnd(46)}${figures.join('')}${isWrong ? '  WRONG' : ''}\n`);
  if (result.finding !== null) {
    const quoted = JSON.stringify(Buffer.from(result.finding.input).toString('latin1').slice(0, 300));
    process.stdout.write(`  ${result.finding.why}\n  on ${quoted}\n`);
  }
}
process.stdout.write(`\n${played} inputs, ${findings} findings\n`);
process.exitCode = findings === 0 ? 0 : 1;

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { copyProduct } from '../../support/product-copy.ts';
import { ROOT } from '../options.ts';
import { campaignReport } from '../report.ts';
import { MUTANTS, type Mutant } from './mutants.ts';

/** `npm run campaign:mutants`: exits 0 when the campaign caught every broken variant of the product. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      seeds: { type: 'string', default: '7,8' },
      control: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  });
  const chosen = MUTANTS.filter(({ name }) => values.only === undefined || name === values.only);
  if (chosen.length === 0) {
    process.stderr.write(`There is no ${values.only}: ${MUTANTS.map(({ name }) => name).join(', ')}.\n`);
    return 2;
  }
  const place = mkdtempSync(join(tmpdir(), 'leash-mutants-'));
  const tries: Tried[] = [];
  try {
    for (const mutant of chosen) {
      const seeds = values.seeds.split(',').map(Number);
      tries.push(await tryUntilCaught(mutant, { place, seeds, isControl: values.control }));
    }
  } finally {
    if (!values.keep) rmSync(place, { recursive: true, force: true });
  }
  process.stdout.write(`\n${tableOf(tries)}\n`);
  return tries.every(({ isAsWanted }) => isAsWanted) ? 0 : 1;
}

type Tried = {
  readonly name: string;
  readonly isAsWanted: boolean;
  readonly runs: number;
  readonly seconds: number;
  readonly found: Readonly<Record<string, number>>;
};

type Try = { readonly place: string; readonly seeds: readonly number[]; readonly isControl: boolean };

/** One seed after the other until it is caught; as a control, the product as it is must pass what catches the mutant. */
async function tryUntilCaught(mutant: Mutant, { place, seeds, isControl }: Try): Promise<Tried> {
  const beganAtMs = Date.now();
  const product = isControl ? ROOT : copyProduct(mutant.edits, join(place, mutant.name));
  let runs = 0;
  let found: Record<string, number> = {};
  for (const seed of seeds) {
    runs += 1;
    process.stdout.write(`\n${mutant.name}${isControl ? ' (control)' : ''}, seed ${seed}: ${mutant.what}\n`);
    found = await violationsOf(mutant, { product, seed, place });
    if (mutant.breaks.some((invariant) => (found[invariant] ?? 0) > 0)) break;
  }
  const isCaught = mutant.breaks.some((invariant) => (found[invariant] ?? 0) > 0);
  const isAsWanted = isControl ? Object.keys(found).length === 0 : isCaught;
  return { name: mutant.name, isAsWanted, runs, seconds: (Date.now() - beganAtMs) / 1_000, found };
}

async function violationsOf(
  { name, steps, sessions, together }: Mutant,
  { product, seed, place }: { product: string; seed: number; place: string },
): Promise<Record<string, number>> {
  const script = join(place, `${name}.steps.json`);
  const json = join(place, `${name}.${seed}.json`);
  writeFileSync(script, JSON.stringify(steps));
  const flags = ['--seeds', seed, '--sessions', sessions, '--together', together, '--profile', 'calm'];
  const status = await run([
    ...flags.map(String),
    ...[
      '--product',
      product,
      '--script',
      script,
      '--json',
      json,
      '--no-shrink',
      '--keep',
      join(place, `${name}-${seed}`),
    ],
  ]);
  if (status > 1) throw new Error(`The campaign could not be run against ${name}: it ended with ${status}.`);
  const { violations } = campaignReport.parse(JSON.parse(readFileSync(json, 'utf8')));
  return Object.fromEntries(
    [...Map.groupBy(violations, ({ invariant }) => invariant)].map(([key, list]) => [key, list.length]),
  );
}

/** Its exit status; what it says goes on as it is. */
function run(flags: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [join(ROOT, 'test/campaign/main.ts'), ...flags], {
    stdio: 'inherit',
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status) => resolve(status ?? 2));
  });
}

function tableOf(tries: readonly Tried[]): string {
  const width = Math.max(...tries.map(({ name }) => name.length));
  return tries
    .map(({ name, isAsWanted, runs, seconds, found }) => {
      const what = Object.entries(found).map(([invariant, count]) => `${invariant} ${count}`);
      return `${isAsWanted ? 'ok  ' : 'FAIL'} ${name.padEnd(width)}  ${runs} run${runs === 1 ? ' ' : 's'} ${seconds.toFixed(0).padStart(4)} s  ${what.join(', ') || 'no violation'}`;
    })
    .join('\n');
}

process.exitCode = await main();

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
      together: { type: 'string', default: '3' },
      control: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  });
  const only = values.only?.split(',');
  const chosen = MUTANTS.filter(({ name }) => only?.includes(name) ?? true);
  if (chosen.length === 0) {
    process.stderr.write(`There is no ${values.only}: ${MUTANTS.map(({ name }) => name).join(', ')}.\n`);
    return 2;
  }
  const place = mkdtempSync(join(tmpdir(), 'leash-mutants-'));
  const tries: Tried[] = [];
  try {
    const queue = [...chosen];
    const work = async () => {
      for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
        const seeds = values.seeds.split(',').map(Number);
        const tried = await tryUntilCaught(mutant, { place, seeds, isControl: values.control });
        tries.push(tried);
        process.stdout.write(`${lineOf(tried, mutant.name.length)}\n`);
      }
    };
    await Promise.all(Array.from({ length: Number(values.together) }, work));
  } finally {
    if (!values.keep) rmSync(place, { recursive: true, force: true });
  }
  const caught = tries.filter(({ isAsWanted }) => isAsWanted).length;
  process.stdout.write(
    `\n${tableOf(tries)}\n${caught} of ${tries.length} ${values.control ? 'controls broke nothing' : 'mutants were caught'}\n`,
  );
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
    process.stdout.write(`${mutant.name}${isControl ? ' (control)' : ''}, seed ${seed}: ${mutant.what}\n`);
    found = await violationsOf(mutant, { product, seed, place });
    if (mutant.breaks.some((invariant) => (found[invariant] ?? 0) > 0)) break;
  }
  const isCaught = mutant.breaks.some((invariant) => (found[invariant] ?? 0) > 0);
  const isAsWanted = isControl ? Object.keys(found).length === 0 : isCaught;
  return { name: mutant.name, isAsWanted, runs, seconds: (Date.now() - beganAtMs) / 1_000, found };
}

async function violationsOf(
  { name, steps, sessions, together, minutes, strangers = 0 }: Mutant,
  { product, seed, place }: { product: string; seed: number; place: string },
): Promise<Record<string, number>> {
  const script = join(place, `${name}.steps.json`);
  const json = join(place, `${name}.${seed}.json`);
  writeFileSync(script, JSON.stringify(steps));
  const flags = [
    '--seeds',
    seed,
    '--sessions',
    sessions,
    '--together',
    together,
    '--strangers',
    strangers,
    '--profile',
    'calm',
    ...(minutes === undefined ? [] : ['--minutes', minutes]),
  ];
  const log = join(place, `${name}.${seed}.log`);
  const homes = join(place, `${name}-${seed}`);
  const files = ['--product', product, '--script', script, '--json', json, '--keep', homes];
  const status = await run([...flags.map(String), ...files, '--no-shrink'], log);
  if (status > 1)
    throw new Error(
      `The campaign could not be run against ${name}: ${readFileSync(log, 'utf8').slice(-2_000)}`,
    );
  const { violations } = campaignReport.parse(JSON.parse(readFileSync(json, 'utf8')));
  return Object.fromEntries(
    [...Map.groupBy(violations, ({ invariant }) => invariant)].map(([key, list]) => [key, list.length]),
  );
}

/** Its exit status; what it says goes into a file. */
async function run(flags: readonly string[], log: string): Promise<number> {
  const file = openSync(log, 'w');
  const child = spawn(process.execPath, [join(ROOT, 'test/campaign/main.ts'), ...flags], {
    stdio: ['ignore', file, file],
  });
  const [status] = (await once(child, 'exit')) as [number | null];
  closeSync(file);
  return status ?? 2;
}

function tableOf(tries: readonly Tried[]): string {
  const width = Math.max(...tries.map(({ name }) => name.length));
  return tries.map((tried) => lineOf(tried, width)).join('\n');
}

function lineOf({ name, isAsWanted, runs, seconds, found }: Tried, width: number): string {
  const what = Object.entries(found).map(([invariant, count]) => `${invariant} ${count}`);
  return `${isAsWanted ? 'ok  ' : 'FAIL'} ${name.padEnd(width)}  ${runs} run${runs === 1 ? ' ' : 's'} ${seconds.toFixed(0).padStart(4)} s  ${what.join(', ') || 'no violation'}`;
}

process.exitCode = await main();

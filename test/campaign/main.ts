import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { whyNotNative } from '../production/native-temporal.ts';
import { check } from './invariants/check.ts';
import { type CampaignOptions, parseOptions, USAGE } from './options.ts';
import type { Step } from './plan.ts';
import { type CampaignReport, type JudgedRun, reportOf, sumReports, tableOf } from './report.ts';
import { type RunOrder, type RunResult, runSeed } from './run.ts';
import { shrink } from './shrinking.ts';

/** `npm run campaign`: exits 0 when every invariant held, 1 when one did not, 2 when it could not be found out. */
async function main(): Promise<number> {
  if (process.argv.includes('--help')) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const options = parseOptions(process.argv.slice(2));
  const missing = options.temporal === 'postgres' ? whyNotNative() : null;
  if (missing !== null) {
    process.stderr.write(`${missing}\n`);
    return 2;
  }
  const place =
    options.keep === null ? mkdtempSync(join(tmpdir(), 'leash-campaign-')) : resolve(options.keep);
  mkdirSync(place, { recursive: true });
  const beganAtMs = Date.now();
  const sources = hashSources(options.product);
  const judged = await runAll(options, place);
  // A worker that is started again runs what is there then: no finding could be told from an upgrade.
  if (hashSources(options.product) !== sources)
    throw new Error(`The sources in ${options.product} changed while the campaign ran; nothing is proven.`);
  const seconds = (Date.now() - beganAtMs) / 1_000;
  const broken = judged.find(({ violations }) => violations.length > 0);
  const shrunk = broken === undefined ? null : await explain(options, place, broken);
  const report: CampaignReport = sumReports(
    judged.map((run) =>
      reportOf({ ...run, replay: run === broken ? shrunk : commandOf(options, place, run) }),
    ),
    seconds,
  );
  process.stdout.write(`\n${tableOf(report)}\n`);
  if (options.json !== null) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  const isClean = report.violations.length === 0;
  if (options.keep === null && isClean) rmSync(place, { recursive: true, force: true });
  else process.stdout.write(`\nHomes, logs and scripts are in ${place}\n`);
  return isClean ? 0 : 1;
}

type Judged = Pick<JudgedRun, 'result' | 'violations'>;

/** Every seed, as many side by side as there are stacks. */
async function runAll(options: CampaignOptions, place: string): Promise<Judged[]> {
  const untilMs = options.minutes === null ? null : Date.now() + options.minutes * 60_000;
  const script = options.script === null ? undefined : readScript(options.script);
  const queue = [...options.seeds];
  const judged: Judged[] = [];
  const work = async () => {
    for (let seed = queue.shift(); seed !== undefined; seed = queue.shift()) {
      if (untilMs !== null && Date.now() >= untilMs) return;
      judged.push(
        await runJudged(options, place, { seed, untilMs, ...(script === undefined ? {} : { script }) }),
      );
    }
  };
  await Promise.all(Array.from({ length: options.stacks }, work));
  return judged;
}

async function runJudged(
  options: CampaignOptions,
  place: string,
  order: Pick<RunOrder, 'seed' | 'untilMs' | 'script'>,
): Promise<Judged> {
  const home = mkdtempSync(join(place, `seed-${order.seed}-`));
  const say = (line: string) => process.stdout.write(`${clock()} seed ${order.seed}: ${line}\n`);
  const result = await runSeed(options, { ...order, home, say });
  const violations = check(result.records);
  for (const { invariant, session, what } of violations)
    say(`VIOLATION (${invariant}) ${session ?? ''}: ${what}`);
  writeFileSync(join(home, 'run.json'), JSON.stringify(result));
  return { result, violations };
}

/** The fewest mishaps that still break the same invariant, and the command that plays them. */
async function explain(options: CampaignOptions, place: string, broken: Judged): Promise<string> {
  const { seed } = broken.result.records;
  const kinds = new Set(broken.violations.map(({ invariant }) => invariant));
  const untilMs = Date.now() + options.shrinkMinutes * 60_000;
  const sessions = broken.result.records.sessions.length;
  const same = { ...options, sessions, minutes: null };
  let tries = 0;
  const breaks = async (script: readonly Step[]): Promise<boolean> => {
    tries += 1;
    process.stdout.write(
      `${clock()} seed ${seed}: again with ${script.length} of ${broken.result.done.length} mishaps\n`,
    );
    const { violations } = await runJudged(same, place, { seed, untilMs: null, script });
    return violations.some(({ invariant }) => kinds.has(invariant));
  };
  const fewest =
    options.shrinkMinutes === 0
      ? broken.result.done
      : await shrink(broken.result.done, breaks, () => Date.now() < untilMs);
  process.stdout.write(
    `\n${fewest.length} mishaps of ${broken.result.done.length} break it (${tries} tries):\n`,
  );
  for (const { atSeconds, mishap } of fewest.slice(0, 40))
    process.stdout.write(`  ${String(atSeconds).padStart(7)} s  ${wordsOf(mishap)}\n`);
  return commandFor(options, place, broken.result, fewest);
}

function wordsOf({ do: did, ...rest }: Step['mishap']): string {
  return `${did} ${JSON.stringify(rest)}`;
}

function commandOf(options: CampaignOptions, place: string, run: Judged): string | null {
  return run.violations.length === 0 ? null : commandFor(options, place, run.result, run.result.done);
}

function commandFor(
  options: CampaignOptions,
  place: string,
  { records }: RunResult,
  script: readonly Step[],
): string {
  const file = join(place, `script-${records.seed}.json`);
  writeFileSync(file, JSON.stringify(script, null, 1));
  const flags = [
    `--seeds ${records.seed}`,
    `--sessions ${records.sessions.length}`,
    `--together ${options.together}`,
    ...(options.temporal === 'postgres' ? ['--temporal postgres'] : []),
    `--profile ${records.profile}`,
    `--script ${file}`,
    '--no-shrink',
  ];
  return `npm run campaign -- ${flags.join(' ')}`;
}

function hashSources(product: string): string {
  const hash = createHash('sha256');
  const directory = join(product, 'src');
  for (const file of readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()) {
    if (file.endsWith('.ts')) hash.update(file).update(readFileSync(join(directory, file)));
  }
  return hash.digest('hex');
}

function readScript(file: string): Step[] {
  return JSON.parse(readFileSync(file, 'utf8')) as Step[];
}

function clock(): string {
  return new Date().toISOString().slice(11, 19);
}

process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
try {
  process.exit(await main());
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(2);
}

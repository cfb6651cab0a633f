/**
 * `npm run supply`: what we install and ship is what was looked at. Offline; the tests run the same rules. Whether
 * any of it has a known hole, only the registry can say: `npm run supply:audit`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Locked, readLockfile } from './lockfile.ts';
import { duplicateProblems, licenceOf, licenceProblems, lockProblems, rangeProblems } from './rules.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const packages = readLockfile(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

const shipped = packages.filter(({ dev }) => !dev);
print(`${packages.length} packages are locked, ${shipped.length} of them for production`);
for (const [licence, count] of licencesOf(shipped)) print(`  ${String(count).padStart(4)}  ${licence}`);

const checks: readonly [name: string, problems: string[]][] = [
  ['licences', licenceProblems(packages)],
  ['lockfile', lockProblems(packages)],
  ['one version of each', duplicateProblems(packages)],
  ['exact versions', rangeProblems(manifest)],
];
for (const [name, problems] of checks) {
  print(`${problems.length === 0 ? 'ok' : 'XX'}  ${name}`);
  for (const problem of problems) print(`      ${problem}`);
}
process.exitCode = checks.some(([, problems]) => problems.length > 0) ? 1 : 0;

function licencesOf(packages: readonly Locked[]): [string, number][] {
  const counts = Map.groupBy(packages, (each) => licenceOf(each) ?? 'none named');
  return [...counts]
    .map(([licence, all]): [string, number] => [licence, all.length])
    .sort((a, b) => b[1] - a[1]);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Locked, readLockfile } from '../../scripts/supply/lockfile.ts';
import {
  duplicateProblems,
  licenceProblems,
  lockProblems,
  rangeProblems,
} from '../../scripts/supply/rules.ts';

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const packages = readLockfile(read('package-lock.json'));

test('every package we ship has a licence that lets us', () => {
  expect(packages.filter(({ dev }) => !dev).length).toBeGreaterThan(100);
  expect(licenceProblems(packages)).toEqual([]);
});

test('the lockfile names what is installed by exact version and hash, from the registry, without scripts', () => {
  expect(lockProblems(packages)).toEqual([]);
  expect(duplicateProblems(packages)).toEqual([]);
  expect(rangeProblems(JSON.parse(read('package.json')))).toEqual([]);
});

const aPackage = (set: Partial<Locked> = {}): Locked => ({
  name: 'kind',
  place: 'node_modules/kind',
  version: '1.2.3',
  integrity: 'sha512-AAAA',
  license: 'MIT',
  dev: false,
  optional: false,
  hasInstallScript: false,
  ...set,
});

test.each<[string, Partial<Locked>, RegExp]>([
  ['a licence that asks for ours', { license: 'GPL-3.0-only' }, /kind@1.2.3: the licence GPL-3.0-only/],
  ['half a licence that does', { license: 'MIT AND AGPL-3.0' }, /AGPL/],
  ['no licence at all', { license: undefined }, /no licence is named/],
])('a production package with %s is named', (_what, set, problem) => {
  expect(licenceProblems([aPackage(set as Locked)])).toEqual([expect.stringMatching(problem)]);
  expect(licenceProblems([aPackage({ ...(set as Locked), dev: true })])).toEqual([]);
});

test('one of two licences that may be chosen is enough', () => {
  expect(licenceProblems([aPackage({ license: '(GPL-2.0 OR MIT)' })])).toEqual([]);
});

test.each<[string, Partial<Locked>, RegExp]>([
  ['a range for a version', { version: '^1.2.3' }, /not exact/],
  ['an address of its own', { resolved: 'https://example.com/kind.tgz' }, /somewhere else/],
  [
    'a place that only begins like the registry',
    { resolved: 'https://registry.npmjs.org.example.com/k' },
    /else/,
  ],
  ['no hash', { integrity: undefined }, /no integrity/],
  ['a weak hash', { integrity: 'sha1-AAAA' }, /weak/],
  ['a script that would run', { hasInstallScript: true }, /install script/],
  ['an end that was announced', { deprecated: 'use another' }, /deprecated: use another/],
])('a locked package with %s is named', (_what, set, problem) => {
  expect(lockProblems([aPackage(set as Locked)])).toEqual([expect.stringMatching(problem)]);
});

test('a second version of what faces the network is named', () => {
  const two = ['6.0.0', '8.12.4'].map((version) => aPackage({ name: 'undici', version }));
  expect(duplicateProblems(two)).toEqual(['undici: 2 versions, 6.0.0 and 8.12.4']);
});

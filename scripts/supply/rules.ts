import type { Locked } from './lockfile.ts';

/** Licences under which what we ship may be passed on, with their texts and nothing asked in return. */
const LICENCES = new Set([
  ...['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0', 'Unlicense'],
  'CC-BY-4.0', // Data about browsers, in caniuse-lite.
]);

/** Read by hand where the lockfile names none: from the package's own LICENSE, or its siblings'. */
const LICENCES_READ: Readonly<Record<string, string>> = { unionfs: 'Unlicense' };
const SAME_AS_SIBLINGS: readonly [names: RegExp, licence: string][] = [[/^@swc\/core-/, 'Apache-2.0']];

/** Packages that bring a script of their own; only the first is run (`allowScripts` in package.json). */
const INSTALL_SCRIPTS = new Set(['node', '@swc/core', 'protobufjs']);

/** Of these a second copy would be a second thing to mend when one is found wanting. */
const ONE_VERSION_ONLY = [
  'fastify',
  'undici',
  'zod',
  'pg',
  '@fastify/cookie',
  '@fastify/helmet',
  '@peculiar/x509',
];

const REGISTRY = /^https:\/\/registry\.npmjs\.org\//;

/** Every production package whose licence is none of those above, by name. */
export function licenceProblems(packages: readonly Locked[]): string[] {
  return packages
    .filter(({ dev }) => !dev)
    .map((each) => ({ ...each, said: licenceOf(each) }))
    .filter(({ said }) => said === null || !isAllowed(said))
    .map(
      ({ name, version, said }) =>
        `${name}@${version}: ${said === null ? 'no licence is named' : `the licence ${said} is not allowed`}`,
    );
}

/** The licence of a package as the lockfile has it, or as it was read. */
export function licenceOf({ name, license }: Pick<Locked, 'name' | 'license'>): string | null {
  return license ?? LICENCES_READ[name] ?? SAME_AS_SIBLINGS.find(([names]) => names.test(name))?.[1] ?? null;
}

/** One of the alternatives of an `OR` is enough; of an `AND`, each part has to be allowed. */
function isAllowed(expression: string): boolean {
  const bare = expression.replaceAll(/[()]/g, '');
  return bare.split(/\s+OR\s+/).some((way) => way.split(/\s+AND\s+/).every((part) => LICENCES.has(part)));
}

/** What of the lockfile would let something else be installed than was looked at. */
export function lockProblems(packages: readonly Locked[]): string[] {
  return packages.flatMap((each) => {
    const { name, version, resolved, integrity, hasInstallScript, deprecated, dev } = each;
    const problems = [
      isExact(version) || 'its version is not exact',
      resolved === undefined || REGISTRY.test(resolved) || 'it comes from somewhere else than the registry',
      integrity !== undefined || isOfOtherPlatform(each) || 'it has no integrity hash',
      integrity === undefined || /^sha512-/.test(integrity) || 'its integrity hash is weak',
      !hasInstallScript || INSTALL_SCRIPTS.has(name) || 'it brings an install script',
      deprecated === undefined || dev || `it is deprecated: ${deprecated}`,
    ];
    return problems
      .filter((problem) => typeof problem === 'string')
      .map((why) => `${name}@${version}: ${why}`);
  });
}

/** npm writes those of platforms other than the one it ran on without a hash; none of them is installed here. */
function isOfOtherPlatform({ optional, os, name }: Locked): boolean {
  return optional && (os !== undefined || /-(?:android|darwin|linux|win32|freebsd)-/.test(name));
}

/** Packages named above that are there in more than one version. */
export function duplicateProblems(packages: readonly Locked[]): string[] {
  return ONE_VERSION_ONLY.flatMap((wanted) => {
    const versions = new Set(
      packages.filter(({ name, dev }) => name === wanted && !dev).map(({ version }) => version),
    );
    return versions.size > 1 ? [`${wanted}: ${versions.size} versions, ${[...versions].join(' and ')}`] : [];
  });
}

/** Direct dependencies that are asked for by a range: the next install could bring another. */
export function rangeProblems(manifest: {
  readonly dependencies?: Readonly<Record<string, string>> | undefined;
  readonly devDependencies?: Readonly<Record<string, string>> | undefined;
}): string[] {
  return Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
    .filter(([, wanted]) => !isExact(wanted))
    .map(([name, wanted]) => `${name}: ${wanted} is no exact version`);
}

function isExact(version: string): boolean {
  return /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/.test(version);
}

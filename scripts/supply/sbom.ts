/**
 * `npm run sbom`: the packages a production installation has, as CycloneDX, into `dist/sbom.cdx.json`.
 *
 * npm lists all that is installed, and what is for development alone is taken out here: its own `--omit dev` also
 * leaves out what a development package needs as well, zod and undici among them.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readLockfile } from './lockfile.ts';
import { licenceOf } from './rules.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const { values } = parseArgs({ options: { out: { type: 'string', default: 'dist/sbom.cdx.json' } } });

type Component = { 'bom-ref': string; name: string; version: string; licenses?: unknown[] };
type Dependency = { ref: string; dependsOn?: string[] };
type Bom = {
  metadata: { component: Component };
  components: Component[];
  dependencies: Dependency[];
};

const shipped = new Map(
  readLockfile(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
    .filter(({ dev }) => !dev)
    .map((each) => [`${each.name}@${each.version}`, each]),
);
const bom = shippedOnly(readInstalled());
const file = resolve(ROOT, values.out);
mkdirSync(dirname(file), { recursive: true });
writeFileSync(`${file}.tmp`, `${JSON.stringify(bom, null, 1)}\n`);
renameSync(`${file}.tmp`, file);
process.stdout.write(`${bom.components.length} packages in ${values.out}\n`);

/** From what is installed, without a call to anybody. */
function readInstalled(): Bom {
  const words = ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application'];
  const options = { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 * 1_024 * 1_024, timeout: 120_000 } as const;
  return JSON.parse(execFileSync('npm', words, { ...options, stdio: ['ignore', 'pipe', 'inherit'] }));
}

function shippedOnly({ metadata, components, dependencies, ...rest }: Bom): Bom {
  const kept = components.filter(({ name, version }) => shipped.has(`${name}@${version}`)).map(withLicence);
  const refs = new Set([metadata.component['bom-ref'], ...kept.map((component) => component['bom-ref'])]);
  return {
    ...rest,
    // npm names the project by its directory.
    metadata: { ...metadata, component: { ...metadata.component, name: 'leash' } },
    components: kept,
    dependencies: dependencies
      .filter(({ ref }) => refs.has(ref))
      .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((on) => refs.has(on)) })),
  };
}

/** Where a package names its licence in another way than usual, npm names none. */
function withLicence(component: Component): Component {
  const locked = shipped.get(`${component.name}@${component.version}`);
  const licence = locked === undefined ? null : licenceOf(locked);
  return component.licenses !== undefined || licence === null
    ? component
    : { ...component, licenses: [{ license: { id: licence } }] };
}

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { readLockfile } from '../../scripts/supply/lockfile.ts';

const ROOT = join(import.meta.dirname, '..', '..');

const Licence = z.union([
  z.object({ license: z.union([z.object({ id: z.string() }), z.object({ name: z.string() })]) }),
  z.object({ expression: z.string() }),
]);
const Bom = z.object({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.string().regex(/^1\.[5-9]$/),
  serialNumber: z.string().regex(/^urn:uuid:[0-9a-f-]{36}$/),
  version: z.int().positive(),
  metadata: z.object({ component: z.object({ name: z.literal('leash'), version: z.string() }) }),
  dependencies: z.array(z.object({ ref: z.string(), dependsOn: z.array(z.string()) })),
  components: z.array(
    z.object({
      'bom-ref': z.string(),
      type: z.literal('library'),
      name: z.string(),
      version: z.string(),
      purl: z.string().regex(/^pkg:npm\//),
      licenses: z.array(Licence).min(1),
    }),
  ),
});

test('the bill of materials has every package of production that is installed, with its licence', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'leash-sbom-'));
  try {
    const out = join(directory, 'sbom.cdx.json');
    await promisify(execFile)(process.execPath, ['scripts/supply/sbom.ts', '--out', out], { cwd: ROOT });
    const bom = Bom.parse(JSON.parse(readFileSync(out, 'utf8')));
    const listed = new Set(bom.components.map(({ name, version }) => `${name}@${version}`));
    const lock = readLockfile(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
    const shipped = lock.filter(({ dev, optional }) => !dev && !optional);
    expect(shipped.filter(({ name, version }) => !listed.has(`${name}@${version}`))).toEqual([]);
    const refs = new Set(bom.components.map((component) => component['bom-ref']));
    const dangling = bom.dependencies.flatMap(({ dependsOn }) => dependsOn.filter((ref) => !refs.has(ref)));
    expect(dangling).toEqual([]);
    const forWork = lock.filter(({ name, dev }) => dev && !shipped.some((each) => each.name === name));
    expect(forWork.length).toBeGreaterThan(20);
    expect(forWork.filter(({ name, version }) => listed.has(`${name}@${version}`))).toEqual([]);
  } finally {
    rmSync(directory, { recursive: true });
  }
}, 120_000);

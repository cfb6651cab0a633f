import { z } from 'zod';

/** What the lockfile says of one package; its place in `node_modules` is the key it stands under. */
const LockedPackage = z.object({
  version: z.string(),
  resolved: z.string().optional(),
  integrity: z.string().optional(),
  license: z.string().optional(),
  dev: z.boolean().default(false),
  optional: z.boolean().default(false),
  os: z.array(z.string()).optional(),
  hasInstallScript: z.boolean().default(false),
  deprecated: z.string().optional(),
});

const Lockfile = z.object({
  lockfileVersion: z.literal(3),
  packages: z.record(z.string(), z.unknown()),
});

export type Locked = z.output<typeof LockedPackage> & { readonly place: string; readonly name: string };

/** Every package of a lockfile but the project itself. Throws for what is no lockfile. */
export function readLockfile(text: string): Locked[] {
  const { packages } = Lockfile.parse(JSON.parse(text));
  return Object.entries(packages)
    .filter(([place]) => place !== '')
    .map(([place, value]) => ({ ...LockedPackage.parse(value), place, name: nameOf(place) }));
}

function nameOf(place: string): string {
  return place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import { cacheDirectory } from '../../scripts/find-temporal.mjs';

const SOURCE = dirname(dirname(fileURLToPath(import.meta.url)));
const BUNDLES_KEPT = 8;

export interface WorkflowBundleOptions {
  /** The module that exports the workflows; ours when absent. */
  workflowsPath?: string;
  /** Directories whose sources make up the bundle: a change in them makes a new one. */
  sources?: string[];
  /** Modules of interceptors that run in the sandbox beside the workflows. */
  interceptorModules?: readonly string[];
  /** Module of the converter of failures; the default one's when absent. */
  failureConverterPath?: string | undefined;
  /** Where finished bundles are kept between starts. */
  cache?: string;
}

export interface WorkflowBundle {
  code: string;
}

/**
 * The workflows as the one file that Temporal's sandbox loads.
 *
 * Bundling takes seconds and its result depends on nothing but the sources, so it is kept: in memory for
 * the workers of this process, on disk for the next.
 */
export function workflowBundle(options: WorkflowBundleOptions = {}): Promise<WorkflowBundle> {
  const workflowsPath = options.workflowsPath ?? join(SOURCE, 'workflows', 'index.ts');
  const name = JSON.stringify([
    workflowsPath,
    options.interceptorModules ?? [],
    options.failureConverterPath ?? '',
  ]);
  const known = inMemory.get(name);
  if (known) return known;
  const bundle = findOrMake(workflowsPath, options);
  inMemory.set(name, bundle);
  // A failure is not kept: the next caller may come after the mistake was mended.
  bundle.catch(() => inMemory.delete(name));
  return bundle;
}

const inMemory = new Map<string, Promise<WorkflowBundle>>();

async function findOrMake(workflowsPath: string, options: WorkflowBundleOptions): Promise<WorkflowBundle> {
  const sources = options.sources ?? [dirname(workflowsPath), join(SOURCE, 'domain')];
  const directory = options.cache ?? join(cacheDirectory(), 'bundles');
  const interceptors = [...(options.interceptorModules ?? [])];
  const { failureConverterPath } = options;
  const others = failureConverterPath === undefined ? interceptors : [...interceptors, failureConverterPath];
  const file = join(directory, `${await hashSources(workflowsPath, others, sources)}.js`);
  if (existsSync(file)) {
    await utimes(file, new Date(), new Date()).catch(() => undefined);
    return { code: await readFile(file, 'utf8') };
  }
  const { code } = await bundleWorkflowCode({
    workflowsPath,
    workflowInterceptorModules: interceptors,
    ...(failureConverterPath !== undefined && { failureConverterPath }),
    logger: onlyProblems,
  });
  await keep(file, code);
  return { code };
}

/** The path too: a bundle carries the places of its sources, for stack traces. */
async function hashSources(workflowsPath: string, modules: string[], sources: string[]): Promise<string> {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([workflowsPath, modules, sdkVersion(), process.versions.node]));
  for (const file of await filesUnder([...sources, ...modules.map(dirname)])) {
    hash.update(JSON.stringify([file, await readFile(file, 'utf8')]));
  }
  return hash.digest('hex').slice(0, 32);
}

/** Release and digest of what workflows are made of: two checkouts of the same sources have the same. */
export async function buildIdOfSources(): Promise<string> {
  const hash = createHash('sha256');
  hash.update(sdkVersion());
  for (const file of await filesUnder([join(SOURCE, 'workflows'), join(SOURCE, 'domain')])) {
    hash.update(JSON.stringify([relative(SOURCE, file), await readFile(file, 'utf8')]));
  }
  const { version } = createRequire(import.meta.url)('../../package.json');
  return `${version}-${hash.digest('hex').slice(0, 10)}`;
}

/** A bundle must come from the same version of the SDK as the worker that loads it. */
function sdkVersion(): string {
  const { version } = createRequire(import.meta.url)('@temporalio/worker/package.json');
  return String(version);
}

async function filesUnder(directories: string[]): Promise<string[]> {
  const files = new Set<string>();
  for (const directory of directories) {
    if (!existsSync(directory)) continue;
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      if (entry.isFile() && /\.[cm]?[jt]s$/.test(entry.name)) files.add(join(entry.parentPath, entry.name));
    }
  }
  return [...files].sort();
}

/** Moved into place whole, so that no worker reads half of one. A cache that cannot be written is none. */
async function keep(file: string, code: string): Promise<void> {
  const unfinished = `${file}.${process.pid}`;
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(unfinished, code);
    await rename(unfinished, file);
    await forgetOldest(dirname(file));
  } catch {
    await rm(unfinished, { force: true }).catch(() => undefined);
  }
}

async function forgetOldest(directory: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.js'));
  const bundles = await Promise.all(
    names.map(async (name) => ({ name, usedAtMs: (await stat(join(directory, name))).mtimeMs })),
  );
  const oldest = bundles.sort((a, b) => b.usedAtMs - a.usedAtMs).slice(BUNDLES_KEPT);
  await Promise.all(oldest.map(({ name }) => rm(join(directory, name), { force: true })));
}

/** Webpack's report of a good bundle is of no interest; of a bad one all is, and the error has it. */
const onlyProblems = {
  log: () => undefined,
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: (message: string) => process.stderr.write(`workflow bundle: ${message}\n`),
  error: (message: string) => process.stderr.write(`workflow bundle: ${message}\n`),
};

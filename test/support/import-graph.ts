import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Import {
  /** The file that imports, from the project's root: `src/vast/client.ts`. */
  from: string;
  /** What it imports: such a path for ours, else the specifier (`node:fs`, `zod`). */
  to: string;
  isOurs: boolean;
  /** Erased before the program runs: `import type`, or `import(…)` as a type. */
  isType: boolean;
}

/** Every import of every TypeScript file under `directory`, in the order of the files. */
export function importsUnder(directory: string): Import[] {
  return sourcesUnder(directory).flatMap((file) => importsOf(file, readFileSync(join(ROOT, file), 'utf8')));
}

/** Paths of the TypeScript files under `directory`, from the project's root. */
export function sourcesUnder(directory: string): string[] {
  return readdirSync(join(ROOT, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[cm]?tsx?$/.test(entry.name))
    .map((entry) => fromRoot(join(entry.parentPath, entry.name)))
    .sort();
}

/** The imports that `source` would make as the file `from`. */
export function importsOf(from: string, source: string): Import[] {
  const code = withoutComments(source);
  const statements = [...code.matchAll(STATEMENT)].map(({ groups }) => ({
    specifier: groups?.specifier ?? '',
    isType: isTypeOnly(groups?.clause ?? ''),
  }));
  const expressions = [...code.matchAll(EXPRESSION)].map(({ groups }) => ({
    specifier: groups?.specifier ?? '',
    isType: groups?.before !== undefined || groups?.after !== undefined,
  }));
  return [...statements, ...expressions].map(({ specifier, isType }) => ({
    from,
    to: specifier.startsWith('.') ? fromRoot(join(ROOT, dirname(from), specifier)) : specifier,
    isOurs: specifier.startsWith('.'),
    isType,
  }));
}

/** `import … from 'x'`, `export … from 'x'`, `import 'x'`, at the start of a line. */
const STATEMENT =
  /^[ \t]*(?:import|export)\b(?<clause>[^'"`;=()]*?(?:\bfrom\b)?)\s*['"](?<specifier>[^'"]+)['"]/gm;

/** `import('x')`: a value, save after `typeof` or before a member of capital initial, as types have. */
const EXPRESSION =
  /(?<before>typeof\s*)?\bimport\(\s*['"](?<specifier>[^'"]+)['"]\s*\)(?<after>\.[A-Z]\w*)?/g;

/** `import type …`, or a list in which every name is a `type`. */
function isTypeOnly(clause: string): boolean {
  if (/^\s*type\b(?!\s*(?:,|from\b))/.test(clause)) return true;
  const list = /^\s*\{(?<names>[^}]*)\}\s*from\s*$/.exec(clause)?.groups?.names;
  const names =
    list
      ?.split(',')
      .map((name) => name.trim())
      .filter(Boolean) ?? [];
  return names.length > 0 && names.every((name) => name.startsWith('type '));
}

/** Only at the start of a line, where prose about imports stands; a URL in a string is left alone. */
function withoutComments(source: string): string {
  return source.replaceAll(/^[ \t]*\/\*[\s\S]*?\*\//gm, '').replaceAll(/^[ \t]*\/\/.*$/gm, '');
}

function fromRoot(path: string): string {
  return relative(ROOT, path).split(sep).join('/');
}

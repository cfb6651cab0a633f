/**
 * Builds the dashboard into `dist/dashboard`, each file also compressed, so that serving one costs nothing.
 * It is built beside and put into place whole: a server that runs meanwhile never serves half of it.
 */
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build } from 'vite';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const BUILT = join(ROOT, 'dist', 'dashboard');
const BUILDING = join(ROOT, 'dist', `dashboard.${process.pid}`);
const COMPRESSED = /\.(?:js|css|html|svg)$/;

try {
  await build({
    root: join(ROOT, 'src', 'dashboard'),
    logLevel: 'warn',
    build: { outDir: BUILDING, emptyOutDir: true },
  });
  for (const entry of readdirSync(BUILDING, { recursive: true, withFileTypes: true }))
    if (entry.isFile() && COMPRESSED.test(entry.name)) compress(join(entry.parentPath, entry.name));
  rmSync(BUILT, { recursive: true, force: true });
  renameSync(BUILDING, BUILT);
} finally {
  rmSync(BUILDING, { recursive: true, force: true });
}

/** @param {string} file */
function compress(file) {
  const bytes = readFileSync(file);
  writeFileSync(`${file}.br`, brotliCompressSync(bytes));
  writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
}

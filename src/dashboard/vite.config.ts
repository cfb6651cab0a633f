import { defineConfig } from 'vite';

/** Where the built dashboard lies; the HTTP server serves it from there. */
const OUT = '../../dist/dashboard';

export default defineConfig({
  root: import.meta.dirname,
  // Under a prefix of a proxy too: nothing in the build knows where it is served from but its own base.
  base: '/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: false,
    // An inlined asset would need `data:` in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});

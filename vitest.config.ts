import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/temporal-server.ts'],
    // Most of the time of most files is waiting for machines that boot: three keep two cores busy.
    maxWorkers: 3,
    // CI's machine is shared: what waits on real processes there gets a second chance, and says that it took it.
    retry: process.env.CI ? 1 : 0,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ['default', './test/support/closing-line.ts'],
  },
});

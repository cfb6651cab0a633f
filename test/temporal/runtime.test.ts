import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { installRuntime, readSdkMetrics, sdkMetrics } from '../../src/temporal/runtime.ts';
import { parseExposition } from '../support/exposition.ts';

/** What stands in a scrape beside them, which must be told whatever becomes of them. */
const OURS = '# TYPE leash_sessions gauge\nleash_sessions 1\n';

test('a process that installs the SDK twice has one page of its metrics, which Prometheus reads', async () => {
  const logger = pino({ enabled: false });
  await Promise.all([installRuntime(logger), installRuntime(logger)]);
  const text = await sdkMetrics();
  expect(text).not.toContain('did not tell');
  expect(() => parseExposition(`${OURS}\n${text}`)).not.toThrow();
});

test.each<[string, RequestListener]>([
  ['never answers', () => undefined],
  ['breaks off', (_request, response) => response.writeHead(200).write('# HELP x', () => response.destroy())],
  ['fails', (_request, response) => response.writeHead(500).end('no')],
])('a page of the SDK that %s leaves the rest of the scrape as it is', async (_how, answer) => {
  await using page = await serve(answer);
  const startedAtMs = performance.now();
  const text = await readSdkMetrics(page.url, 200);
  expect(performance.now() - startedAtMs).toBeLessThan(5_000);
  expect(parseExposition(`${OURS}\n${text}`).samples).toEqual([
    { name: 'leash_sessions', labels: {}, value: 1 },
  ]);
});

test('a page of the SDK where nobody listens leaves the rest of the scrape as it is', async () => {
  const page = await serve(() => undefined);
  await page[Symbol.asyncDispose]();
  expect(await readSdkMetrics(page.url)).toMatch(/^# .*did not tell its metrics.*\n$/);
});

test.each([
  ['a family that is described twice', `${OURS}${OURS}`],
  ['a sample that is told twice', `${OURS}leash_sessions 2\n`],
  ['a sample of no family', `${OURS}leash_other 2\n`],
  ['a label without quotes', `${OURS}leash_sessions{state=READY} 2\n`],
  ['no number', `${OURS}leash_sessions{state="READY"} many\n`],
  ['no line feed at its end', OURS.trimEnd()],
])('what reads a scrape here refuses %s', (_what, text) => {
  expect(() => parseExposition(text)).toThrow();
});

async function serve(answer: RequestListener): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/metrics`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeInBrowser, openBrowser, type RealBrowser } from '../support/browser.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

describeInBrowser('while the HTTP server restarts', () => {
  let stack: Stack;
  let browser: RealBrowser;

  beforeAll(async () => {
    stack = await startStack();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await stack?.[Symbol.asyncDispose]();
  });

  test('the page says so, comes back by itself, still signed in, and shows what happened meanwhile', async () => {
    const settings = { LEASH_PORT: String(await freePort()) };
    const server = await stack.serverProcess(settings);
    for (const session of ['ends', 'stays']) {
      await stack.api.launched(aLaunch({ session }));
      await stack.api.ready(session);
    }
    await using visit = await browser.enter(server.api.url, stack.token);
    const card = (session: string) => visit.page.getByRole('article', { name: `Session ${session}` });
    await card('ends').getByText('Ready', { exact: true }).waitFor();
    await card('stays').getByText('Ready', { exact: true }).waitFor();

    await server.kill();
    await visit.page.getByText('The server cannot be reached; what you see is from before').waitFor();
    // What was known stays in sight, and what ends meanwhile ends without anybody looking.
    expect(await card('stays').isVisible()).toBe(true);
    await stack.api.destroy('ends', 60);
    await stack.api.launched(aLaunch({ session: 'comes' }));

    await stack.serverProcess(settings);
    await card('ends').waitFor({ state: 'detached', timeout: 40_000 });
    await card('comes').waitFor();
    expect(await card('stays').isVisible()).toBe(true);
    await visit.page.getByText('what you see is from before').waitFor({ state: 'detached' });
    await visit.page.getByRole('row').filter({ hasText: 'ends' }).getByText('completed').waitFor();
    for (const session of ['stays', 'comes']) await stack.api.destroy(session, 60);
  });
});

/** Free now: the server that comes back has to come back at the same place. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('No port was given');
  return address.port;
}

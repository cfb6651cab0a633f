import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GuaranteesAnswer, ProvidersAnswer } from '../../src/admin/answers.ts';
import { describeInBrowser, openBrowser, type RealBrowser, type Visit } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

/** Each needs what the one before left: a session that serves, until it is taken away in the last. */
describeInBrowser('what goes wrong, and what only seems to', () => {
  let stack: Stack;
  let browser: RealBrowser;
  let visit: Visit;
  let page: Page;

  beforeAll(async () => {
    stack = await startStack();
    browser = await openBrowser();
    await stack.api.launched(aLaunch({ session: 'default' }));
    await stack.api.supervised('default');
    visit = await browser.enter(stack.api.url, stack.token);
    page = visit.page;
  });
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await stack?.[Symbol.asyncDispose]();
  });

  test('a session that serves is no leftover, though the reaper saw its instance', async () => {
    await runReaperOnce(stack);
    await open('/guarantees');
    await page.getByText('its open session claims it').waitFor();
    await page.getByText('nothing is left over').waitFor();
    expect(await page.getByText('being cleared up').count()).toBe(0);
  });

  test('an orphan is destroyed once that is confirmed, not before, and is told of with why', async () => {
    const expiredSec = Math.floor(Date.now() / 1_000) - 3_600;
    const [orphan] = await stack.rentForOthers([`leash.${stack.owner}.ghost.abcdefghij.1.x${expiredSec}`]);
    await open('/guarantees');
    const dialog = page.getByRole('dialog');
    await page.getByRole('button', { name: 'What would the reaper do?' }).click();
    await dialog.getByText(`${orphan}: its session is unknown and its label has expired`).waitFor();
    expect(isThere(orphan)).toBe(true);
    await dialog.getByRole('button', { name: 'Destroy 1' }).click();
    await page.getByText('2 instances found, 1 destroyed and seen gone, 1 left.').waitFor();
    expect(isThere(orphan)).toBe(false);
    await page
      .getByRole('region', { name: 'Orphans found' })
      .getByRole('row', { name: new RegExp(`${orphan}`) })
      .waitFor();
    expect((await stack.api.status('default')).state).toBe('READY');
  });

  test('stopping an answer, and leaving the page, each end the generation', async () => {
    await askForAStory(page);
    await page.getByRole('button', { name: 'Stop' }).click();
    await inFlight(0);
    await askForAStory(page);
    await page.getByRole('link', { name: 'Costs' }).click();
    await page.getByRole('heading', { name: 'Costs', level: 1 }).waitFor();
    await inFlight(0);
  });

  test('an answer whose instance is taken away keeps what came, and says that it is not whole', async () => {
    await askForAStory(page);
    await page
      .locator('.turn-text')
      .getByText(/\w+ \w+/)
      .waitFor();
    const { instance_id: instanceId } = await stack.api.status('default');
    const gone = await fetch(`${stack.market.url}/api/v0/instances/${instanceId}/`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${stack.market.key}` },
      signal: AbortSignal.timeout(10_000),
    });
    expect(gone.status).toBe(200);
    await page.getByText(/incomplete/).waitFor();
    expect(await page.locator('.turn-text').textContent()).toMatch(/\w+ \w+/);
    await page.getByRole('button', { name: 'Send' }).waitFor();
  });

  test('where nobody can answer, the playground says so before and after it is asked', async () => {
    await stack.api.ended('default');
    await open('/playground');
    await page.getByText('Nobody can answer now').waitFor();
    await page.getByLabel('Message').fill('Is anybody there?');
    await page.getByLabel('Message').press('Enter');
    const said = page.locator('.turn .note-bad');
    await said.waitFor();
    expect(await said.textContent()).toMatch(/\w+ \w+/);
    expect(await said.textContent()).not.toContain('connection broke');
  });

  test('on a phone every key can be revoked without scrolling its table', async () => {
    await stack.api.admin('POST', 'keys', { name: 'a-rather-long-name-of-a-key', budget_usd: 5 });
    await using phone = await browser.enter(stack.api.url, stack.token, {
      viewport: { width: 360, height: 800 },
    });
    await phone.page.goto(`${stack.api.url}/keys`);
    const button = phone.page.getByRole('button', { name: 'Revoke a-rather-long-name-of-a-key' });
    await button.waitFor();
    const box = await button.boundingBox();
    expect((box?.x ?? Number.NaN) + (box?.width ?? Number.NaN)).toBeLessThanOrEqual(360);
    const here = await phone.page.locator('.links [aria-current]').boundingBox();
    expect(here?.x).toBeGreaterThanOrEqual(0);
    expect((here?.x ?? Number.NaN) + (here?.width ?? Number.NaN)).toBeLessThanOrEqual(360);
  });

  async function open(path: string): Promise<void> {
    await page.goto(`${stack.api.url}${path}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
  }

  /** One that goes on for minutes unless it is ended; under way when this returns. */
  async function askForAStory(asking: Page): Promise<void> {
    await open('/playground');
    await asking.route('**/v1/chat/completions', (route) =>
      route.continue({ postData: JSON.stringify({ ...route.request().postDataJSON(), ignore_eos: true }) }),
    );
    await asking.getByLabel('Most tokens').fill('30000');
    await asking.getByLabel('Most tokens').blur();
    await asking.getByLabel('Message').fill('Write a very long story.');
    await asking.getByRole('button', { name: 'Send' }).click();
    await inFlight(1);
  }

  async function inFlight(wanted: number): Promise<void> {
    await eventually(
      `${wanted} requests are under way`,
      async () => {
        const { body } = await stack.api.admin<ProvidersAnswer>('GET', 'providers');
        return body.items.find(({ provider }) => provider === 'vastai')?.in_flight === wanted;
      },
      15_000,
    );
  }

  function isThere(instanceId: number | undefined): boolean {
    return stack.market
      .contracts()
      .some(({ id, destroyed_at }) => id === instanceId && destroyed_at === null);
  }
});

/** By its schedule, as every five minutes: a run that is asked for by the API is none of those told of. */
async function runReaperOnce(stack: Stack): Promise<void> {
  await stack.stopWorker();
  await stack.startWorker();
  await eventually(
    'the reaper has seen an instance',
    async () => {
      const { body } = await stack.api.admin<GuaranteesAnswer>('GET', 'guarantees');
      return body.reaper.left.length > 0;
    },
    60_000,
  );
}

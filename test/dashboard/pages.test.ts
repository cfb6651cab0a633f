import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeInBrowser, openBrowser, type RealBrowser, type Visit } from '../support/browser.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

const VIEWER = 'a-viewer-of-tests';
/** A search of the market may wait for its turn. */
const POLL = { timeout: 20_000 };

describeInBrowser('the pages beside the sessions', () => {
  let stack: Stack;
  let browser: RealBrowser;
  let visit: Visit;
  let page: Page;

  beforeAll(async () => {
    stack = await startStack({ settings: { VIEWER_TOKEN: VIEWER } });
    browser = await openBrowser();
    await stack.api.launched(aLaunch({ session: 'default' }));
    await stack.api.ready('default');
    visit = await browser.enter(stack.api.url, stack.token);
    page = visit.page;
  });
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await stack?.[Symbol.asyncDispose]();
  });
  const open = async (path: string) => {
    await page.goto(`${stack.api.url}${path}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
  };

  test('the market shows the offers of a launch in its order, and a top price takes the dearer ones away', async () => {
    await open('/market');
    const offers = page.getByRole('region', { name: 'Offers that fit' }).getByRole('row');
    await offers.nth(1).waitFor();
    const before = await pricesIn(page);
    const dearest = Math.max(...before);
    const cheapest = Math.min(...before);
    expect(dearest).toBeGreaterThan(cheapest);
    await page.getByLabel('Top price').fill(String((cheapest + dearest) / 2));
    await page.getByLabel('Top price').blur();
    await expect
      .poll(async () => Math.max(...(await pricesIn(page))))
      .toBeLessThanOrEqual((cheapest + dearest) / 2);
    await page.getByText(/offers do not fit/).waitFor();
  });

  test('the market shows one tier alone, also one beyond the best hundred, and all of them again', async () => {
    await open('/market');
    const gpus = page.getByRole('region', { name: 'Offers that fit' }).locator('tbody td:nth-child(2)');
    await gpus.first().waitFor();
    const all = new Set(await gpus.allTextContents());
    expect(all.size).toBeGreaterThan(1);
    const names = await page.getByLabel('Tier', { exact: true }).locator('option').allTextContents();
    const unseen = names.find((name) => name !== 'every one' && !all.has(name)) ?? '';
    expect(unseen).not.toBe('');
    await page.getByLabel('Tier', { exact: true }).selectOption(unseen);
    await expect.poll(async () => [...new Set(await gpus.allTextContents())], POLL).toEqual([unseen]);
    await page.getByLabel('Tier', { exact: true }).selectOption('every one');
    await expect.poll(async () => new Set(await gpus.allTextContents()).size, POLL).toBe(all.size);
  });

  test('a key is made, shown once, opens the gateway, and opens it no more once it is revoked', async () => {
    await open('/keys');
    await page.getByRole('button', { name: 'Create a key' }).click();
    await page.getByLabel('Name').fill('browser');
    await page.getByLabel('Budget, USD').fill('3');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    const shown = page.getByRole('dialog').locator('code').first();
    await page.getByRole('heading', { name: 'Key browser' }).waitFor();
    const key = (await shown.textContent()) ?? '';
    expect((await modelsWith(key)).status).toBe(200);
    await page.getByRole('button', { name: 'I have it' }).click();
    await page.getByText('$0.00 of $3.00 spent this month').first().waitFor();
    expect(await page.content()).not.toContain(key);
    await page.getByRole('button', { name: 'Revoke browser' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('revoked', { exact: true }).waitFor();
    await expect.poll(async () => (await modelsWith(key)).status).toBe(401);
  });

  test('what is wrong with a new key is said at its field', async () => {
    await open('/keys');
    await page.getByRole('button', { name: 'Create a key' }).click();
    await page.getByLabel('Requests a minute').fill('0.5');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    const field = page.getByLabel('Requests a minute');
    await expect.poll(() => field.getAttribute('aria-invalid')).toBe('true');
    expect(await page.getByLabel('Name').getAttribute('aria-invalid')).toBe('true');
  });

  test('the playground streams an answer, says who gave it, and stops when it is told to', async () => {
    await open('/playground');
    await page.getByLabel('Message').fill('Say something.');
    await page.getByLabel('Message').press('Enter');
    await page.getByText(/by vastai, session default · .*first token after \d+ ms/).waitFor();
    await page.getByText(/\d+ \+ \d+ tokens/).waitFor();
    await page.getByText(/(about|less than) \$[\d.]+ of GPU time at \$\d+\.\d+\/h/).waitFor();
    // An answer that ends by itself could be faster than the click.
    await page.route('**/v1/chat/completions', (route) =>
      route.continue({ postData: JSON.stringify({ ...route.request().postDataJSON(), ignore_eos: true }) }),
    );
    await page.getByLabel('Most tokens').fill('20000');
    await page.getByLabel('Most tokens').blur();
    await page.getByLabel('Message').fill('Write a very long story.');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText('Stopped. The model was told to stop too.').waitFor();
    await page.getByRole('button', { name: 'New conversation' }).click();
    await page.getByText('Ask something.').waitFor();
  });

  test('costs are those of the API, by whatever is asked, and go into a spreadsheet', async () => {
    await open('/costs');
    await page.getByLabel('By', { exact: true }).selectOption('session');
    const row = page.getByRole('region', { name: 'Costs by session' }).getByRole('row', { name: /^default/ });
    await row.getByText('so far').waitFor();
    expect(await page.getByRole('link', { name: 'CSV' }).getAttribute('href')).toMatch(
      /by=session&format=csv$/,
    );
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'CSV' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('leash-costs-by-session.csv');
    const csv = readFileSync(await download.path(), 'utf8');
    expect(csv).toMatch(/^session,gpu_usd,/);
    expect(csv).toMatch(/\ndefault,/);
  });

  test('the guarantees say when reaper and guard last looked, and what the reaper would do now', async () => {
    await open('/guarantees');
    await page.getByText('nothing is left over').waitFor();
    const lease = page.getByRole('region', { name: 'Leases' }).getByRole('row', { name: /^default/ });
    await lease.getByText(/^in \d+ m/).waitFor();
    await page.getByRole('button', { name: 'What would the reaper do?' }).click();
    await page
      .getByRole('dialog')
      .getByText('1 instance of ours found, 1 kept. Nothing would be destroyed.')
      .waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    expect((await stack.api.status('default')).state).toBe('READY');
  });

  test('settings are found by what they mean, and no secret is among them', async () => {
    await open('/settings');
    await page.getByLabel('Find').fill('bearer token');
    const row = page.getByRole('row', { name: /ADMIN_TOKEN/ });
    await row.waitFor();
    expect(await page.getByRole('row', { name: /LEASH_PORT/ }).count()).toBe(0);
    await page.getByLabel('Find').fill('');
    await page
      .getByRole('row', { name: /LEASH_PORT/ })
      .first()
      .waitFor();
    const content = await page.content();
    for (const secret of [stack.token, VIEWER]) expect(content).not.toContain(secret);
    await page.getByText('Nobody is told: set LEASH_WEBHOOK_URL').first().waitFor();
  });

  test('a viewer sees it all, and each button says why it is not theirs', async () => {
    await using viewing = await browser.enter(stack.api.url, VIEWER);
    for (const [path, name] of [
      ['/keys', 'Create a key'],
      ['/guarantees', 'What would the reaper do?'],
      ['/', 'Destroy default'],
    ] as const) {
      await viewing.page.goto(`${stack.api.url}${path}`);
      const button = viewing.page.getByRole('button', { name });
      await button.waitFor();
      expect(await button.getAttribute('aria-disabled')).toBe('true');
      expect(await button.getAttribute('title')).toMatch(/viewer token/);
    }
  });

  test('none of them made the browser complain', () => {
    // A refused key is tried on purpose, by the test and not by the page.
    expect(visit.complaints.filter((complaint) => !complaint.includes('400 (Bad Request)'))).toEqual([]);
  });

  function modelsWith(key: string): Promise<Response> {
    return fetch(`${stack.api.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
  }
});

async function pricesIn(page: Page): Promise<number[]> {
  const cells = await page
    .getByRole('region', { name: 'Offers that fit' })
    .locator('tbody tr td:nth-child(3)')
    .allTextContents();
  return cells.map(Number);
}

import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeInBrowser, openBrowser, type RealBrowser, type Visit } from '../support/browser.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

const READY_MS = 90_000;

describeInBrowser('a session in the dashboard', () => {
  let stack: Stack;
  let browser: RealBrowser;
  let visit: Visit;
  let page: Page;

  beforeAll(async () => {
    stack = await startStack({ settings: { VASTAI_BUDGET_LIMIT: '5', VASTAI_SESSION_BUDGET_LIMIT: '2' } });
    browser = await openBrowser();
    visit = await browser.enter(stack.api.url, stack.token);
    page = visit.page;
  });
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await stack?.[Symbol.asyncDispose]();
  });
  const main = () => page.getByRole('main');

  test('is launched with its plan in sight, and is seen to become READY', async () => {
    await page.getByRole('link', { name: 'Launch', exact: true }).first().click();
    await fill({ Name: 'seen', 'Keep-alive, minutes': '10', 'Budget, USD': '1' });
    // The plan is of what stands in the form: its worst case is the budget that was typed.
    await main().getByText('$1.00', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Launch' }).click();
    await page.waitForURL('**/sessions/seen');
    await main().getByText('Ready', { exact: true }).first().waitFor({ timeout: READY_MS });
    const steps = page.getByRole('list', { name: 'Steps of seen' });
    expect(await steps.getByRole('listitem').allTextContents()).toEqual([
      expect.stringMatching(/^Search, done/),
      expect.stringMatching(/^Rent, done/),
      expect.stringMatching(/^Boot, done\d/),
      expect.stringMatching(/^Start vLLM, done\d/),
      expect.stringMatching(/^Serve, under way/),
      expect.stringMatching(/^Give back, not begun/),
    ]);
    await main().getByText('The model answers').waitFor();
    await main().getByText('Application startup complete').waitFor();
  });

  test('is extended for what the dialog says it costs', async () => {
    const before = await stack.api.status('seen');
    await page.getByRole('button', { name: 'Extend seen' }).click();
    const dialog = page.getByRole('dialog', { name: 'Extend seen' });
    await dialog.getByLabel('Minutes more').fill('6');
    const cost = ((before.usd_per_hour ?? 0) * 6) / 60;
    await dialog.getByText(`$${cost.toFixed(4)}`).waitFor();
    await dialog.getByRole('button', { name: 'Extend by 6 m' }).click();
    await dialog.waitFor({ state: 'hidden' });
    const after = await stack.api.status('seen');
    const grown = Date.parse(after.keep_alive_until ?? '') - Date.parse(before.keep_alive_until ?? '');
    expect(grown / 60_000).toBeCloseTo(6, 0);
  });

  test('is not extended beyond its budget, and the numbers are said', async () => {
    await page.getByRole('button', { name: 'Extend seen' }).click();
    const dialog = page.getByRole('dialog', { name: 'Extend seen' });
    await dialog.getByLabel('Minutes more').fill('10000');
    await dialog.getByText('this will be refused').waitFor();
    await dialog.getByRole('button', { name: /^Extend by/ }).click();
    expect(await dialog.getByRole('alert').textContent()).toMatch(/beyond|budget/i);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
  });

  test('stands on the overview as a card, and is destroyed with its receipt', async () => {
    await page.getByRole('link', { name: 'Overview' }).click();
    const card = page.getByRole('article', { name: 'Session seen' });
    await card.getByRole('button', { name: 'Destroy seen' }).click();
    const dialog = page.getByRole('dialog', { name: 'Destroy seen?' });
    await dialog.getByText('stops answering').waitFor();
    await dialog.getByRole('button', { name: 'Destroy' }).click();
    await card.waitFor({ state: 'detached', timeout: READY_MS });
    const ended = page.getByRole('row').filter({ hasText: 'seen' });
    await ended.getByText('completed').waitFor();
    expect(await ended.textContent()).toMatch(/\$0\.\d+/);
    await ended.getByRole('link', { name: 'seen' }).click();
    await page.getByRole('heading', { name: 'Receipt' }).waitFor();
    await main().getByText('in the whole list').first().waitFor();
    expect(await page.getByRole('button', { name: /Destroy/ }).count()).toBe(0);
  });

  test('says which host failed, whose fault it was, and that it ended', async () => {
    await stack.faults({
      fault: 'bad-flag',
      label_prefix: stack.labelPrefix('fails'),
      times: 0,
    });
    await stack.api.launched(aLaunch({ session: 'fails' }));
    await page.goto(`${stack.api.url}/sessions/fails`);
    await main().getByText('launch-failed').first().waitFor({ timeout: READY_MS });
    const failed = page.getByRole('list', { name: 'Failed attempts' });
    expect(await failed.textContent()).toContain('At fault: what was asked for');
    await page.getByRole('heading', { name: 'Receipt' }).waitFor();
  });

  test('is refused over the budget of the period, with the numbers', async () => {
    for (const session of ['one', 'two']) await stack.api.launched(aLaunch({ session, budget_usd: 2 }));
    await page.goto(`${stack.api.url}/launch`);
    await fill({ Name: 'three', 'Budget, USD': '2' });
    await main().getByText('This launch would be stopped at checkpoint 1').waitFor({ timeout: READY_MS });
    await page.getByRole('button', { name: 'Launch' }).click();
    const refusal = main().getByRole('alert');
    await refusal.waitFor();
    expect(await refusal.textContent()).toMatch(/\$?5\b/);
    await expect.poll(async () => (await stack.api.status('three')).state, { timeout: 20_000 }).toBe('IDLE');
    for (const session of ['one', 'two']) await stack.api.destroy(session, 60);
  });

  test('what is wrong with a launch stands at its fields, all at once', async () => {
    await page.goto(`${stack.api.url}/launch`);
    await fill({ Name: 'Not A Name', 'Keep-alive, minutes': 'soon', 'Budget, USD': '99' });
    for (const [label, says] of [
      ['Name', 'a session name'],
      ['Keep-alive, minutes', 'a number above 0'],
      ['Budget, USD', 'at most 2 USD'],
    ] as const) {
      const field = page.getByLabel(label, { exact: true });
      await page.getByText(says).waitFor();
      expect(await field.getAttribute('aria-invalid')).toBe('true');
      expect(
        await page.locator(`[id="${await field.getAttribute('aria-describedby')}"]`).textContent(),
      ).toContain(says);
    }
  });

  test('and nothing of all that has left a complaint in the console', () => {
    expect(visit.complaints.filter((complaint) => !isRefusal(complaint))).toEqual([]);
  });

  async function fill(fields: Readonly<Record<string, string>>): Promise<void> {
    for (const [label, text] of Object.entries(fields)) {
      await page.getByLabel(label, { exact: true }).fill(text);
    }
  }
});

/**
 * The refusals that these tests ask for: Chromium writes every answer of 400 or above into the console. A log can
 * be asked for in the moment in which its instance goes.
 */
function isRefusal(complaint: string): boolean {
  return /status of (400|402|409)/.test(complaint) || /status of 502 .*\/logs\?/.test(complaint);
}

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeInBrowser, openBrowser, type RealBrowser } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PAGES = [
  '/',
  '/sessions/serves',
  '/sessions/ended',
  '/sessions/nobody',
  '/launch',
  '/market',
  '/costs',
  '/guarantees',
  '/playground',
  '/keys',
  '/settings',
];
const WIDTHS = [360, 390, 1_280];
const HEIGHT = 900;

describeInBrowser('every page', () => {
  let stack: Stack;
  let browser: RealBrowser;

  beforeAll(async () => {
    stack = await startStack();
    browser = await openBrowser();
    for (const session of ['serves', 'ended']) {
      await stack.api.launched(aLaunch({ session }));
      await stack.api.ready(session);
    }
    await stack.api.destroy('ended', 60);
  });
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await stack?.[Symbol.asyncDispose]();
  });

  test.each(['light', 'dark'] as const)('is accessible and complains of nothing, %s', async (colorScheme) => {
    await using visit = await browser.enter(stack.api.url, stack.token, { colorScheme });
    for (const path of PAGES) {
      await settle(visit.page, `${stack.api.url}${path}`);
      expect(await visit.page.evaluate('document.documentElement.dataset.theme')).toBe(colorScheme);
      expect({ path, violations: await violationsOn(visit.page) }).toEqual({ path, violations: [] });
    }
    expect(visit.complaints).toEqual([]);
  });

  test.each(WIDTHS)('fits a screen %i pixels wide', async (width) => {
    await using visit = await browser.enter(stack.api.url, stack.token, {
      viewport: { width, height: HEIGHT },
    });
    for (const path of PAGES) {
      await settle(visit.page, `${stack.api.url}${path}`);
      const tooWide = await visit.page.evaluate('document.body.scrollWidth - document.body.clientWidth');
      expect({ path, tooWide }).toEqual({ path, tooWide: 0 });
    }
  });

  test('the dialogs are accessible, hold the focus and give it back', async () => {
    await using visit = await browser.enter(stack.api.url, stack.token);
    for (const action of ['Extend', 'Destroy']) {
      const opener = visit.page.getByRole('button', { name: `${action} serves` });
      await opener.press('Enter');
      await visit.page.getByRole('dialog').waitFor();
      expect(await violationsOn(visit.page)).toEqual([]);
      for (let press = 0; press < 12; press += 1) await visit.page.keyboard.press('Tab');
      expect(
        await visit.page.evaluate(`document.activeElement === document.body ||
        document.querySelector('dialog[open]').contains(document.activeElement)`),
      ).toBe(true);
      await visit.page.keyboard.press('Escape');
      await visit.page.getByRole('dialog').waitFor({ state: 'detached' });
      expect(await visit.page.evaluate("document.activeElement.getAttribute('aria-label')")).toBe(
        `${action} serves`,
      );
    }
  });

  test('the first load is small, and nothing jumps while it comes', async () => {
    await using visit = await browser.enter(stack.api.url, stack.token);
    await settle(visit.page, stack.api.url);
    const scriptBytes = await visit.page.evaluate<number>(`performance.getEntriesByType('resource')
      .filter(({ initiatorType, name }) => initiatorType === 'script' || name.endsWith('.js'))
      .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0)`);
    expect(scriptBytes).toBeGreaterThan(0);
    expect(scriptBytes).toBeLessThan(150_000);
    for (const path of PAGES) {
      await settle(visit.page, `${stack.api.url}${path}`);
      expect({ path, shift: await visit.page.evaluate<number>(LAYOUT_SHIFT) }).toEqual({
        path,
        shift: expect.toSatisfy((shift: number) => shift < LAYOUT_SHIFT_MAX),
      });
    }
  });
});

/** What the browser counted since the page was opened: 0.1 is where Google calls it good. */
const LAYOUT_SHIFT_MAX = 0.1;
const LAYOUT_SHIFT = `new Promise((resolve) => {
  let sum = 0;
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) sum += value;
  }).observe({ type: 'layout-shift', buffered: true });
  setTimeout(() => resolve(sum), 1_500);
})`;

/** Open, and nothing of it under way: what shows that it loads is gone. */
async function settle(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await eventually(`${url} has loaded`, async () => (await page.locator('.loading').count()) === 0, 30_000);
}

/** What axe finds serious or critical, in short. */
async function violationsOn(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate<{
    violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[];
  }>(
    "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })",
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(' | ')}`,
    );
}

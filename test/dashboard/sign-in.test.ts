import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeInBrowser, openBrowser, type RealBrowser, signIn } from '../support/browser.ts';
import { startHttpEdge, TOKEN } from '../support/http-edge.ts';
import { noSessions } from './no-sessions.ts';

const VIEWER = 'a-viewer-of-tests';

describeInBrowser('signing in', () => {
  let browser: RealBrowser;

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser[Symbol.asyncDispose]();
  });
  const anEdge = () => startHttpEdge({ sessions: noSessions(), settings: { VIEWER_TOKEN: VIEWER } });

  test('the token opens the dashboard, and no script of the page can read what it bought', async () => {
    await using edge = await anEdge();
    await using visit = await browser.enter(edge.url, TOKEN);
    expect(await visit.page.evaluate('document.cookie + JSON.stringify(localStorage)')).not.toContain(TOKEN);
    const [cookie] = await visit.page.context().cookies();
    expect(cookie).toMatchObject({ name: 'leash_session', httpOnly: true, sameSite: 'Strict' });
    expect(visit.complaints).toEqual([]);
  });

  test('the page that was asked for comes after the sign-in', async () => {
    await using edge = await anEdge();
    await using visit = await browser.visit(`${edge.url}/launch`);
    await signIn(visit.page, TOKEN);
    await visit.page.getByRole('heading', { name: 'Launch', level: 1 }).waitFor();
  });

  test('a wrong token is refused in words, and the right one works after it', async () => {
    await using edge = await anEdge();
    await using visit = await browser.visit(edge.url);
    await signIn(visit.page, 'not the token');
    const refusal = visit.page.getByRole('alert');
    await refusal.waitFor();
    expect(await refusal.textContent()).toMatch(/token/i);
    await signIn(visit.page, TOKEN);
    await visit.page.getByRole('heading', { name: 'Overview' }).waitFor();
  });

  test('who guesses too often is told to wait', async () => {
    await using edge = await anEdge();
    await using visit = await browser.visit(edge.url);
    for (let guess = 1; guess <= 11; guess += 1) {
      const answered = visit.page.waitForResponse((answer) => answer.request().method() === 'POST');
      await signIn(visit.page, `guess ${guess}`);
      await answered;
    }
    await visit.page
      .getByRole('alert')
      .getByText(/again in|wait|too many/i)
      .waitFor();
  });

  test('a viewer finds no button that does nothing: each stays in reach and says why', async () => {
    await using edge = await anEdge();
    await using visit = await browser.enter(edge.url, VIEWER);
    await visit.page.getByRole('link', { name: 'Launch' }).first().click();
    const button = visit.page.getByRole('button', { name: 'Launch' });
    await button.focus();
    expect(await button.getAttribute('aria-disabled')).toBe('true');
    expect(await button.getAttribute('aria-description')).toContain('viewer token');
    await button.click({ force: true });
    expect(edge.sessions.calls.filter(({ name }) => name === 'launch')).toEqual([]);
  });

  test('who signs out is out, in every tab', async () => {
    await using edge = await anEdge();
    await using visit = await browser.enter(edge.url, TOKEN);
    const other = await visit.page.context().newPage();
    await other.goto(edge.url);
    await other.getByRole('heading', { name: 'Overview' }).waitFor();
    await visit.page.getByRole('button', { name: 'Sign out' }).click();
    await visit.page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await other.reload();
    await other.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  test('a server that is away is said, and the page goes on by itself once it is back', async () => {
    await using edge = await anEdge();
    await using visit = await browser.visit('about:blank');
    await visit.page.route('**/api/session', (route) => route.abort());
    await visit.page.goto(edge.url);
    await visit.page.getByText('The server cannot be reached').waitFor();
    await visit.page.unroute('**/api/session');
    await visit.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });
});

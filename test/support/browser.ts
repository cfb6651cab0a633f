import { accessSync, constants } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { describe } from 'vitest';

const COMMON_PATHS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
/** Of everything a page is waited for; generous, for machines that are shared. */
const WAIT_MS = 60_000;

const CHROMIUM = findChromium();

/** Tests in a real Chromium; where there is none they are skipped, and their name says why. */
export function describeInBrowser(name: string, tests: () => void): void {
  if (CHROMIUM !== null) describe(name, tests);
  else describe.skip(`${name} (skipped: no Chromium was found; LEASH_CHROMIUM names one)`, tests);
}

export type Visit = AsyncDisposable & {
  readonly page: Page;
  /** Errors of the console, uncaught ones, and what the content security policy refused. */
  readonly complaints: readonly string[];
};

export type RealBrowser = AsyncDisposable & {
  /** A page of a visitor of its own, with no cookie; its clock runs in UTC, and it speaks English. */
  visit(url: string, options?: BrowserContextOptions): Promise<Visit>;
  /** The same, signed in, on the overview. */
  enter(url: string, token: string, options?: BrowserContextOptions): Promise<Visit>;
};

export async function openBrowser(): Promise<RealBrowser> {
  const browser = await chromium.launch({
    executablePath: CHROMIUM ?? '',
    // Containers rarely let Chromium build its own sandbox; it sees nothing here but our own pages.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
  const visit = (url: string, options: BrowserContextOptions = {}) => visitIn(browser, url, options);
  return {
    visit,
    enter: async (url, token, options) => {
      const visited = await visit(url, options);
      await signIn(visited.page, token);
      await visited.page.getByRole('heading', { name: 'Overview' }).waitFor();
      return visited;
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

export async function signIn(page: Page, token: string): Promise<void> {
  await page.getByLabel('Admin token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

async function visitIn(browser: Browser, url: string, options: BrowserContextOptions): Promise<Visit> {
  const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'UTC', ...options });
  context.setDefaultTimeout(WAIT_MS);
  const complaints: string[] = [];
  // Violations of the policy are told on the page alone, before any script of ours runs.
  await context.exposeFunction('tellViolation', (violation: string) => complaints.push(violation));
  await context.addInitScript({ content: TELL_VIOLATIONS });
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' && !isAskingWhoIsThere(message.location().url)) {
      complaints.push(`console: ${message.text()} ${message.location().url}`);
    }
  });
  await page.goto(url);
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

const TELL_VIOLATIONS = `document.addEventListener('securitypolicyviolation', (violation) =>
  tellViolation('policy: ' + violation.violatedDirective + ' refused ' + violation.blockedURI));`;

/** Who is not signed in learns it by a 401, which Chromium writes into the console. */
function isAskingWhoIsThere(url: string): boolean {
  return url.endsWith('/api/session');
}

function findChromium(): string | null {
  const named = process.env.LEASH_CHROMIUM;
  const candidates = named === undefined || named === '' ? COMMON_PATHS : [named];
  return candidates.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

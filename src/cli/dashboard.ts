import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Command } from 'commander';
import { callOf, printJson, printLines } from './call-options.ts';
import { facts } from './layout.ts';
import type { Token } from './target.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export function dashboardCommand(): Command {
  return new Command('dashboard')
    .summary('where the dashboard is, and how to sign in; opens it where there is a browser')
    .description(
      'Prints the address of the dashboard and where its admin token lies, never the token itself. On a terminal with\na browser it opens the page too.',
    )
    .option('--no-open', 'only print')
    .action(async (options: { open: boolean }, command: Command) => {
      const { api, isJson } = callOf(command);
      // Whatever it answers: a page that cannot be opened is told here, and not in the browser.
      await api.providers();
      const url = `${api.url}/`;
      if (isJson) return printJson({ url, token_from: api.token()?.from ?? null });
      printLines(dashboardLines(url, api.token()));
      const opener = options.open ? openerOf(process.env, process.platform, process.stdout) : null;
      if (opener !== null && (await hasOpened(opener, url))) printLines(['', 'Opened in your browser.']);
    });
}

/** Where the page is and how to get in. */
export function dashboardLines(url: string, token: Token | null): string[] {
  return facts([
    ['dashboard', url],
    ['sign in', signInText(token?.from ?? null)],
  ]);
}

/** How a person comes by the admin token that was read from there. */
export function signInText(from: string | null): string {
  if (from === null || from === 'ADMIN_TOKEN') return 'with the token in ADMIN_TOKEN';
  return `with the admin token: head -n 1 ${from}`;
}

/** The program that opens pages here; null where nobody would see them. */
export function openerOf(
  environment: Environment,
  platform: NodeJS.Platform,
  out: { readonly isTTY?: boolean },
): string | null {
  if (out.isTTY !== true || environment.CI !== undefined || environment.SSH_CONNECTION !== undefined)
    return null;
  if (platform === 'darwin') return 'open';
  if (platform === 'win32') return 'explorer';
  return environment.DISPLAY === undefined && environment.WAYLAND_DISPLAY === undefined ? null : 'xdg-open';
}

async function hasOpened(opener: string, url: string): Promise<boolean> {
  const child = spawn(opener, [url], { stdio: 'ignore', detached: true });
  child.unref();
  return once(child, 'spawn').then(
    () => true,
    () => false,
  );
}

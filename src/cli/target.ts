import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isSecretGiven } from '../secret-files.ts';
import { readServerNote } from './server-note.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where the server is, and the tokens that may open it, likeliest first. */
export type Target = { readonly url: string; readonly tokens: readonly Token[] };
export type Token = { readonly value: string /** For messages: where it was read. */; readonly from: string };

/**
 * Finds the server and its token.
 *
 * Server: `--url`, else LEASH_HOST and LEASH_PORT, else the `leash up` of this home, else port 8080. Token:
 * ADMIN_TOKEN, else the first line of ADMIN_TOKEN_FILE, else the file that the server made in its home. A home may hold two installations, the real
 * market's and the simulated one's; both tokens are offered then, but to this machine alone.
 */
export function findTarget(options: { url?: string | undefined }, environment: Environment): Target {
  const note = readServerNote(homeOf(environment));
  const url = (options.url ?? configuredUrl(environment) ?? note?.url ?? DEFAULT_URL).replace(/\/+$/, '');
  const given = setting(environment, 'ADMIN_TOKEN');
  if (given !== undefined) return { url, tokens: [{ value: given, from: 'ADMIN_TOKEN' }] };
  const file = setting(environment, 'ADMIN_TOKEN_FILE');
  if (file !== undefined) return { url, tokens: existsSync(file) ? [tokenIn(file)] : [] };
  const noted = note !== null && note.url === url && note.token_file !== null ? [note.token_file] : [];
  const tokens = [...new Set([...noted, ...tokenFiles(environment)])]
    .filter((file) => existsSync(file))
    .map(tokenIn);
  return { url, tokens: isThisMachine(url) ? tokens : tokens.slice(0, 1) };
}

const DEFAULT_URL = 'http://127.0.0.1:8080';

/** The current one stands on the first line. */
function tokenIn(file: string): Token {
  const [first = ''] = readFileSync(file, 'utf8').split('\n');
  return { value: first.trim(), from: file };
}

function configuredUrl(environment: Environment): string | undefined {
  const host = setting(environment, 'LEASH_HOST');
  const port = setting(environment, 'LEASH_PORT');
  // Port 0 is for the server to choose: its note says which it became.
  if ((host === undefined && port === undefined) || port === '0') return undefined;
  return `http://${reachable(host ?? '127.0.0.1')}:${port ?? '8080'}`;
}

/** A server that listens on every address is called on this machine's own. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

/** The files that may hold the token, likeliest first. */
function tokenFiles(environment: Environment): string[] {
  const real = join(homeOf(environment), 'admin-token');
  const simulated = join(homeOf(environment), 'simulated', 'admin-token');
  return isSecretGiven(environment, 'VASTAI_API_KEY') ? [real, simulated] : [simulated, real];
}

function homeOf(environment: Environment): string {
  return setting(environment, 'LEASH_HOME') ?? '.leash';
}

function isThisMachine(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
}

function setting(environment: Environment, name: string): string | undefined {
  const value = environment[name]?.trim();
  return value === '' ? undefined : value;
}

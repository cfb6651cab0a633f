import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { parseConfig } from '../../src/config.ts';
import { type Installation, openInstallation } from '../../src/installation.ts';
import { type HttpServerDeps, startHttpServer } from '../../src/server.ts';
import { type ScriptedSessions, scriptedSessions } from './scripted-sessions.ts';

export const TOKEN = 'a-token-for-tests';

export type HttpEdge = AsyncDisposable & {
  readonly url: string;
  readonly sessions: ScriptedSessions;
  readonly installation: Installation;
  /** Every line logged so far. */
  readonly log: string[];
  close(): Promise<void>;
  /** `fetch` at this server, with the admin token unless `token` says otherwise. */
  ask(path: string, init?: RequestInit & { json?: unknown; token?: string | null }): Promise<Response>;
};

type EdgeOptions = {
  sessions?: ScriptedSessions;
  settings?: Record<string, string>;
  logger?: (write: (line: string) => void) => HttpServerDeps['logger'];
} & Pick<
  HttpServerDeps,
  | 'dashboardDir'
  | 'drainMs'
  | 'deadlines'
  | 'stalls'
  | 'environment'
  | 'keys'
  | 'metering'
  | 'priceOf'
  | 'anthropic'
  | 'tracing'
>;

/** The real HTTP server on a port of its own, over scripted sessions. */
export async function startHttpEdge(options: EdgeOptions = {}): Promise<HttpEdge> {
  const home = mkdtempSync(join(tmpdir(), 'leash-http-'));
  const sessions = options.sessions ?? scriptedSessions();
  const log: string[] = [];
  const installation = openInstallation({ home, adminToken: TOKEN });
  const server = await startHttpServer({
    config: parseConfig({ LEASH_PORT: '0', LEASH_HOME: home, ...options.settings }),
    installation,
    sessions,
    logger: options.logger?.((line) => log.push(line)) ?? pino({}, { write: (line) => log.push(line) }),
    environment: {},
    ...given(options),
  });
  const close = async () => {
    await server.close();
    rmSync(home, { recursive: true, force: true });
  };
  return {
    url: server.url,
    sessions,
    installation,
    log,
    close,
    [Symbol.asyncDispose]: close,
    ask: (path, init = {}) => fetch(`${server.url}${path}`, toRequest(init)),
  };
}

/** What a test sets of the server, and nothing of what only the edge knows. */
function given({ sessions: _sessions, settings: _settings, logger: _logger, ...rest }: EdgeOptions) {
  return rest;
}

function toRequest({
  json,
  token = TOKEN,
  ...init
}: RequestInit & { json?: unknown; token?: string | null }) {
  const headers = new Headers(init.headers);
  if (token !== null && !headers.has('authorization')) headers.set('authorization', `Bearer ${token}`);
  if (json === undefined) return { ...init, headers };
  headers.set('content-type', 'application/json');
  return { method: 'POST', ...init, headers, body: JSON.stringify(json) };
}

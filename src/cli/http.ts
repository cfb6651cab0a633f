import { request } from 'undici';
import { z } from 'zod';
import {
  type AccessLogAnswer,
  accessLogAnswer,
  type CostsAnswer,
  costsAnswer,
  type HoursAnswer,
  hoursAnswer,
  hoursListAnswer,
  hoursRemovedAnswer,
  type KeyAnswer,
  type KeyCreatedAnswer,
  type KeysAnswer,
  keyAnswer,
  keyCreatedAnswer,
  keysAnswer,
  type LaunchAnswer,
  type LogsAnswer,
  launchAnswer,
  logsAnswer,
  type MachinesAnswer,
  machineForgottenAnswer,
  machinesAnswer,
  type NotificationsAnswer,
  type NotificationTestAnswer,
  notificationsAnswer,
  notificationTestAnswer,
  type OffersAnswer,
  offersAnswer,
  type PlanAnswer,
  type ProblemAnswer,
  type ProvidersAnswer,
  planAnswer,
  problemAnswer,
  providersAnswer,
  type ReapAnswer,
  reapAnswer,
  type SessionsAnswer,
  type StatusAnswer,
  sessionsAnswer,
  statusAnswer,
  type VersionsAnswer,
  versionsAnswer,
} from '../admin/answers.ts';
import type { HoursInput, KeyInput, LaunchInput, ReapInput } from '../admin/schema.ts';
import { CommandError, EXIT, type ExitCode } from './exit-code.ts';
import { remedyOf } from './remedies.ts';
import type { Target, Token } from './target.ts';

/** An answer of the server: `value` checked, `body` as it came, for `--json`. */
export type Answer<T> = { readonly httpStatus: number; readonly value: T; readonly body: unknown };

export type AdminApi = {
  readonly url: string;
  /** The token that the server took last; null when none is known. */
  token(): Token | null;
  launch(order: LaunchInput): Promise<Answer<LaunchAnswer>>;
  status(session: string): Promise<Answer<StatusAnswer>>;
  extend(order: { session: string; additionalMinutes: number }): Promise<Answer<StatusAnswer>>;
  destroy(order: { session: string; waitSeconds: number }): Promise<Answer<StatusAnswer>>;
  addHours(order: HoursInput): Promise<Answer<HoursAnswer>>;
  hours(): Promise<Answer<{ items: HoursAnswer[]; next: null }>>;
  removeHours(id: string): Promise<Answer<{ id: string; removed: boolean }>>;
  logs(order: { session: string; tail: number; filter?: string }): Promise<Answer<LogsAnswer>>;
  reap(order: ReapInput): Promise<Answer<ReapAnswer>>;
  sessions(filter: { open: boolean; after?: string }): Promise<Answer<SessionsAnswer>>;
  offers(query: URLSearchParams): Promise<Answer<OffersAnswer>>;
  plan(order: LaunchInput): Promise<Answer<PlanAnswer>>;
  machines(query: URLSearchParams): Promise<Answer<MachinesAnswer>>;
  versions(): Promise<Answer<VersionsAnswer>>;
  promoteVersion(buildId: string): Promise<Answer<VersionsAnswer>>;
  forgetMachine(machineId: number): Promise<Answer<{ machine_id: number; forgotten: boolean }>>;
  createKey(order: KeyInput): Promise<Answer<KeyCreatedAnswer>>;
  keys(): Promise<Answer<KeysAnswer>>;
  revokeKey(idOrName: string): Promise<Answer<KeyAnswer>>;
  notifications(): Promise<Answer<NotificationsAnswer>>;
  testNotifications(): Promise<Answer<NotificationTestAnswer>>;
  providers(): Promise<Answer<ProvidersAnswer>>;
  /** Null: the configured order again. */
  switchProvider(to: { provider: string | null; session?: string }): Promise<Answer<ProvidersAnswer>>;
  accessLog(query: URLSearchParams): Promise<Answer<AccessLogAnswer>>;
  costs(query: URLSearchParams): Promise<Answer<CostsAnswer>>;
  /** The same as a table for spreadsheets. */
  costsCsv(query: URLSearchParams): Promise<string>;
};

/** The server said no, and why: `application/problem+json`. */
export class Refusal extends CommandError {
  readonly problem: ProblemAnswer;
  readonly body: unknown;

  constructor(problem: ProblemAnswer, body: unknown, message: string) {
    super(exitCodeOf(problem.status), message);
    this.name = 'Refusal';
    this.problem = problem;
    this.body = body;
  }
}

/** No answer at all: no server, or none in time. */
export class Unreachable extends CommandError {
  constructor(message: string) {
    super(EXIT.unreachable, message);
    this.name = 'Unreachable';
  }
}

/** A launch answers once it is accepted, which may take the 5 s in which a worker must judge it. */
const CALL_TIMEOUT_MS = 15_000;
/** The host uploads them first. */
const LOGS_TIMEOUT_MS = 60_000;
/** The reaper's own patience is 90 s. */
const REAP_TIMEOUT_MS = 110_000;

/** Each open session is asked, ten at a time. */
const COSTS_TIMEOUT_MS = 60_000;

/** The server waits 10 s for the targets. */
const NOTIFICATION_TIMEOUT_MS = 30_000;

/** Searches are paced and repeated: VASTAI_SEARCH_TIMEOUT_SECONDS of the server, and a little. */
const MARKET_TIMEOUT_MS = 75_000;

/** The admin API of one server. Every call has a deadline, and throws a `CommandError` that says what to do. */
export function connectAdmin(target: Target): AdminApi {
  const call = caller(target);
  const inSession = (session: string) => `?session=${encodeURIComponent(session)}`;
  return {
    url: target.url,
    token: call.token,
    launch: (order) => call.send(launchAnswer, 'POST', '/api/admin/vllm/launch', order),
    status: (session) => call.send(statusAnswer, 'GET', `/api/admin/vllm/status${inSession(session)}`),
    extend: ({ session, additionalMinutes }) =>
      call.send(statusAnswer, 'POST', '/api/admin/vllm/extend', {
        session,
        additional_minutes: additionalMinutes,
      }),
    destroy: ({ session, waitSeconds }) =>
      call.send(
        statusAnswer,
        'POST',
        '/api/admin/vllm/destroy',
        { session, wait_seconds: waitSeconds },
        CALL_TIMEOUT_MS + waitSeconds * 1_000,
      ),
    addHours: (order) => call.send(hoursAnswer, 'POST', '/api/admin/schedules', order),
    hours: () => call.send(hoursListAnswer, 'GET', '/api/admin/schedules'),
    removeHours: (id) =>
      call.send(hoursRemovedAnswer, 'DELETE', `/api/admin/schedules/${encodeURIComponent(id)}`),
    logs: ({ session, tail, filter }) => {
      const query = new URLSearchParams({ tail: String(tail), ...(filter === undefined ? {} : { filter }) });
      const path = `/api/admin/sessions/${encodeURIComponent(session)}/logs?${query}`;
      return call.send(logsAnswer, 'GET', path, undefined, LOGS_TIMEOUT_MS);
    },
    reap: (order) => call.send(reapAnswer, 'POST', '/api/admin/reap', order, REAP_TIMEOUT_MS),
    offers: (query) =>
      call.send(offersAnswer, 'GET', `/api/admin/offers?${query}`, undefined, MARKET_TIMEOUT_MS),
    plan: (order) => call.send(planAnswer, 'POST', '/api/admin/plan', order, MARKET_TIMEOUT_MS),
    machines: (query) => call.send(machinesAnswer, 'GET', `/api/admin/machines?${query}`),
    forgetMachine: (machineId) =>
      call.send(machineForgottenAnswer, 'DELETE', `/api/admin/machines/${machineId}`),
    versions: () => call.send(versionsAnswer, 'GET', '/api/admin/versions'),
    promoteVersion: (buildId) =>
      call.send(versionsAnswer, 'POST', '/api/admin/versions/promote', { build_id: buildId }),
    createKey: (order) => call.send(keyCreatedAnswer, 'POST', '/api/admin/keys', order),
    keys: () => call.send(keysAnswer, 'GET', '/api/admin/keys'),
    revokeKey: (idOrName) =>
      call.send(keyAnswer, 'DELETE', `/api/admin/keys/${encodeURIComponent(idOrName)}`),
    notifications: () => call.send(notificationsAnswer, 'GET', '/api/admin/notifications'),
    testNotifications: () =>
      call.send(
        notificationTestAnswer,
        'POST',
        '/api/admin/notifications/test',
        undefined,
        NOTIFICATION_TIMEOUT_MS,
      ),
    providers: () => call.send(providersAnswer, 'GET', '/api/admin/providers'),
    switchProvider: (to) => call.send(providersAnswer, 'POST', '/api/admin/providers/switch', to),
    accessLog: (query) => call.send(accessLogAnswer, 'GET', `/api/admin/access-log?${query}`),
    costs: (query) => call.send(costsAnswer, 'GET', `/api/admin/costs?${query}`, undefined, COSTS_TIMEOUT_MS),
    costsCsv: (query) => call.text('GET', `/api/admin/costs?${query}&format=csv`, COSTS_TIMEOUT_MS),
    sessions: ({ open, after }) => {
      const query = new URLSearchParams({
        ...(open ? { open: 'true' } : {}),
        ...(after === undefined ? {} : { after }),
      });
      return call.send(sessionsAnswer, 'GET', `/api/admin/sessions?${query}`);
    },
  };
}

type Raw = { httpStatus: number; body: unknown; text: string };

function caller(target: Target) {
  let tokenAt = 0;

  async function send<T>(
    schema: z.ZodType<T>,
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
    timeoutMs = CALL_TIMEOUT_MS,
  ): Promise<Answer<T>> {
    const answer = await exchange(method, path, body, timeoutMs);
    const parsed = schema.safeParse(answer.body);
    if (!parsed.success) throw strangeAnswer(target.url, path, z.prettifyError(parsed.error));
    return { httpStatus: answer.httpStatus, value: parsed.data, body: answer.body };
  }

  async function text(method: 'GET', path: string, timeoutMs: number): Promise<string> {
    return (await exchange(method, path, undefined, timeoutMs)).text;
  }

  /** With each token that was found, until one is taken. */
  async function exchange(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body: unknown,
    timeoutMs: number,
  ): Promise<Raw> {
    const answer = await sendOnce(method, path, body, timeoutMs);
    if (answer.httpStatus === 401 && tokenAt + 1 < target.tokens.length) {
      tokenAt += 1;
      return exchange(method, path, body, timeoutMs);
    }
    if (answer.httpStatus >= 400) throw refusalOf(answer, { target, tokenAt, path });
    return answer;
  }

  async function sendOnce(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body: unknown,
    timeoutMs: number,
  ): Promise<Raw> {
    const token = target.tokens[tokenAt]?.value;
    try {
      const answer = await request(`${target.url}${path}`, {
        method,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      });
      const text = await answer.body.text();
      return { httpStatus: answer.statusCode, body: parseJson(text), text };
    } catch (error) {
      throw unreachable(target.url, error, timeoutMs);
    }
  }

  return { send, text, token: () => target.tokens[tokenAt] ?? null };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refusalOf(
  answer: Raw,
  { target, tokenAt, path }: { target: Target; tokenAt: number; path: string },
): CommandError {
  const parsed = problemAnswer.safeParse(answer.body);
  if (!parsed.success) {
    return new CommandError(
      EXIT.failed,
      `${target.url} answered ${answer.httpStatus}, and not as a leash server does. Is it one? Name yours with --url.`,
    );
  }
  if (answer.httpStatus !== 401)
    return new Refusal(parsed.data, answer.body, refusalText(parsed.data, remedyOf(parsed.data, path)));
  const from = target.tokens[tokenAt]?.from;
  return new Refusal(
    parsed.data,
    answer.body,
    from === undefined
      ? `The server at ${target.url} wants its admin token, and none was found. Set ADMIN_TOKEN, or run from the directory of the server's .leash (or set LEASH_HOME).`
      : `The server at ${target.url} does not take the admin token from ${from}. Another installation answers there: set ADMIN_TOKEN to its token, or LEASH_HOME to its home.`,
  );
}

function refusalText(problem: ProblemAnswer, remedy: string | null): string {
  const lines = (problem.problems ?? []).map(({ field, given, allowed }) => {
    const shown = given === undefined || given === null ? '' : ` (given: ${JSON.stringify(given)})`;
    return `  ${field}: ${allowed}${shown}`;
  });
  return [`${problem.detail} [${problem.kind}]`, ...lines, ...(remedy === null ? [] : [remedy])].join('\n');
}

function strangeAnswer(url: string, path: string, why: string): CommandError {
  return new CommandError(
    EXIT.failed,
    `The server at ${url} answered ${path} in a shape that this command does not know. Are both of one version?\n${why}`,
  );
}

function unreachable(url: string, error: unknown, timeoutMs: number): Unreachable {
  const isLate = error instanceof Error && error.name === 'TimeoutError';
  return new Unreachable(
    isLate
      ? `The leash server at ${url} did not answer within ${timeoutMs / 1_000} s. What it was asked to do may still happen: look with leash status, and at the server with leash doctor.`
      : `The leash server does not answer at ${url}: start it with \`npm start\`, or name another with --url. (${causeText(error)})`,
  );
}

function causeText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.message;
}

function exitCodeOf(httpStatus: number): ExitCode {
  if (httpStatus === 400) return EXIT.usage;
  if (httpStatus >= 500) return EXIT.unreachable;
  return EXIT.refused;
}

import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../support/eventually.ts';
import type { AuthData, Engine, RetiredRequest } from './engine.ts';
import { type Answer, type Exchange, exchange } from './exchange.ts';
import type { AnswerOrder, ModelRequest, ModelServer } from './model-server.ts';
import { type Kind, PUBLIC_URL, type RunningWorker } from './workers.ts';

/** What a request is made of; each case sends the same to both workers. */
export type Call = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Members of the wrapper over the usual ones; undefined takes one out. */
  readonly auth?: Readonly<Record<string, unknown>>;
  readonly sessionId?: string | null;
  readonly payload?: unknown;
  /** In place of the wrapper. */
  readonly body?: string | Buffer;
  /** In place of everything. */
  readonly bytes?: string | Buffer;
  /** For an answer that one of the two never ends. */
  readonly patienceMs?: number;
};

/** A call's payload that says how the model is to answer. */
export function answered(answer: AnswerOrder, more: Readonly<Record<string, unknown>> = {}) {
  return { payload: { answer, ...more } };
}

/**
 * One of the two workers in one case: what it is sent, what reaches its model, and what it tells the engine.
 *
 * Which entries of the engine's books belong to the case is known by where the books stood when it began, so cases run one after another. Each ends with a request that carries more load than any case: when the
 * engine has heard of its end, it has heard of all that came before.
 */
export class Side {
  readonly kind: Kind;
  readonly worker: RunningWorker;
  readonly model: ModelServer;
  readonly sent: string[] = [];
  readonly #engine: Engine;
  readonly #began: { readonly reports: number; readonly retired: number };
  readonly #receivedBefore: number;
  /** Session ids are drawn at random: what is shown, and compared as sent, has this in place of each. */
  readonly #sessionIds: string[] = [];
  #index: number;

  constructor(order: {
    kind: Kind;
    worker: RunningWorker;
    model: ModelServer;
    engine: Engine;
    firstIndex: number;
  }) {
    this.kind = order.kind;
    this.worker = order.worker;
    this.model = order.model;
    this.#engine = order.engine;
    this.#index = order.firstIndex;
    const { reports, retired } = this.#book();
    this.model.forget();
    this.#began = { reports: reports.length, retired: retired.length };
    this.#receivedBefore = reports.at(-1)?.num_requests_recieved ?? 0;
  }

  /** The auth data of the next request that the engine routes here. */
  auth(members: Readonly<Record<string, unknown>> = {}): AuthData {
    this.#index += 1;
    const usual = { cost: 100, endpoint: 'conformance', reqnum: this.#index, request_idx: this.#index };
    return { ...usual, signature: this.#engine.sign(PUBLIC_URL), url: PUBLIC_URL, ...members };
  }

  sign(url: string): string {
    return this.#engine.sign(url);
  }

  /** Sends one request, and leaves its answer to be waited for. */
  start(route: string, call: Call = {}, port = this.worker.port): Exchange {
    const bytes = call.bytes ?? this.#bytes(route, call);
    this.sent.push(this.#hideSessions(bytes.toString('latin1')));
    return exchange(port, bytes, call.patienceMs);
  }

  /** Sends one request, and shows its answer as it is compared. */
  async ask(route: string, call: Call = {}, port = this.worker.port): Promise<Shown> {
    return this.show(await this.start(route, call, port).answer);
  }

  show(answer: Answer | null): Shown {
    if (answer === null) return 'hung up without an answer';
    const body = answer.body.toString();
    const isText = Buffer.from(body).equals(answer.body);
    return {
      status: answer.status,
      headers: comparable(answer.headers),
      body: this.#hideSessions(isText ? body : answer.body.toString('base64')),
      framing: answer.framing,
      isWhole: answer.isWhole,
    };
  }

  /** Opens a session as the client does; its id is not shown. */
  async openSession(members: Readonly<Record<string, unknown>> = {}, auth = this.auth()) {
    const answer = await this.start('/session/create', { body: json({ auth_data: auth, payload: members }) })
      .answer;
    if (answer?.status !== 201) throw new Error(`No session: ${answer?.status} ${answer?.body}`);
    const created: { session_id: string; expiration: number } = JSON.parse(answer.body.toString());
    this.#sessionIds.push(created.session_id);
    return { id: created.session_id, auth, expiration: created.expiration, answer };
  }

  endSession({ id, auth }: { id: string; auth: AuthData }): Promise<Shown> {
    return this.ask('/session/end', { body: json({ session_id: id, session_auth: auth }) });
  }

  /** What reached the model in this case, once each request there was answered or given up. */
  async atModel(): Promise<ShownRequest[]> {
    const { requests } = this.model;
    const isSettled = () => requests.every(({ isAnswered, isCancelled }) => isAnswered || isCancelled);
    await eventually('the model is done', isSettled, { withinMs: 3_000, everyMs: 10 }).catch(() => undefined);
    const seen = requests.map((request) => this.#showRequest(request));
    for (const { tag } of requests) this.model.release(tag);
    return seen;
  }

  /** What the engine was told of this case. */
  async atEngine(): Promise<ShownBook> {
    const reports = () => this.#book().reports.slice(this.#began.reports);
    const retired = () => this.#book().retired.slice(this.#began.retired);
    const markers: number[] = [];
    const isToldOf = (marker: number) =>
      retired().some(({ request_idx }) => request_idx === marker) &&
      Math.max(sum(reports(), 'new_load'), sum(reports(), 'cur_perf')) >= MARKER_LOAD / 2 &&
      reports().at(-1)?.num_requests_working === 0;
    await eventually(
      () =>
        `the engine hears of the ${this.kind} worker's end; ${json({ told: reports(), retired: retired() })}`,
      async () => {
        const marker = await this.#mark();
        markers.push(marker);
        return eventually('', () => isToldOf(marker), { withinMs: 2_500, everyMs: 10 }).catch(() => false);
      },
    );
    return {
      newLoad: withoutMarkers(sum(reports(), 'new_load')),
      rejectedLoad: sum(reports(), 'rej_load'),
      servedLoad: withoutMarkers(sum(reports(), 'cur_perf')),
      loadLeft: reports().at(-1)?.cur_load ?? 0,
      received: (reports().at(-1)?.num_requests_recieved ?? 0) - this.#receivedBefore - markers.length,
      error: reports().at(-1)?.error_msg ?? '',
      retired: retired()
        .filter(({ request_idx }) => !markers.includes(request_idx))
        .sort((a, b) => a.request_idx - b.request_idx)
        .map(showRetired),
    };
  }

  async #mark(): Promise<number> {
    const auth_data = this.auth();
    const body = json({ auth_data, payload: { workload: MARKER_LOAD } });
    await this.start('/parallel', { body }).answer;
    return auth_data.request_idx;
  }

  /**
   * Waits until the worker is past the answer to its last report.
   *
   * The official one sets its counters to zero then, and forgets what was counted while it waited. What its one
   * event loop answers after the report's answer has come says that it is past it.
   */
  async beginAfterReport(): Promise<void> {
    for (let trip = 0; trip < 2; trip++) {
      await exchange(this.worker.port, 'GET /nothing HTTP/1.1\r\nhost: worker\r\n\r\n').answer;
      await pause(5);
    }
  }

  #book() {
    return this.#engine.book(this.worker.id);
  }

  #bytes(route: string, call: Call): Buffer {
    const body = Buffer.from(call.body ?? json(this.#wrapper(call)));
    const headers = { host: 'worker', 'content-type': 'application/json', ...call.headers };
    const length = 'transfer-encoding' in headers ? [] : [`content-length: ${body.length}`];
    const lines = [
      `${call.method ?? 'POST'} ${route} HTTP/1.1`,
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      ...length,
    ];
    return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body]);
  }

  #wrapper({ auth = {}, sessionId, payload = {} }: Call) {
    return {
      auth_data: this.auth(auth),
      ...(sessionId === undefined ? {} : { session_id: sessionId }),
      payload,
    };
  }

  #showRequest({ method, path, headers, body, isCancelled }: ModelRequest): ShownRequest {
    const type = String(headers['content-type'] ?? '');
    const boundary = /boundary="?([^";]+)/.exec(type)?.[1];
    const text = this.#hideSessions(body.toString());
    const passed = Object.entries(headers).filter(([name]) => !OF_THE_CONNECTION.has(name));
    return {
      call: `${method} ${path}`,
      headers: {
        ...Object.fromEntries(passed.map(([name, value]) => [name, String(value)])),
        'content-type': boundary === undefined ? type : type.replace(boundary, '<boundary>'),
      },
      body: boundary === undefined ? canonical(text) : text.replaceAll(boundary, '<boundary>'),
      isCancelled,
    };
  }

  #hideSessions(text: string): string {
    return this.#sessionIds.reduce((hidden, id, index) => hidden.replaceAll(id, `<session ${index}>`), text);
  }
}

export type Shown =
  | 'hung up without an answer'
  | {
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
      readonly framing: Answer['framing'];
      readonly isWhole: boolean;
    };

export type ShownRequest = {
  readonly call: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly isCancelled: boolean;
};

export type ShownBook = {
  readonly newLoad: number;
  readonly rejectedLoad: number;
  readonly servedLoad: number;
  readonly loadLeft: number;
  readonly received: number;
  readonly error: string;
  readonly retired: readonly object[];
};

/** More than twice all load of a case. */
const MARKER_LOAD = 1_000_000;

function withoutMarkers(load: number): number {
  return load - Math.round(load / MARKER_LOAD) * MARKER_LOAD;
}

/** Of one hop, or of the moment: what a caller makes of an answer does not hang on them. */
const NOT_COMPARED = new Set(['date', 'server', 'content-length', 'transfer-encoding', 'keep-alive']);
/** What an HTTP client says of itself and its connection. */
const OF_THE_CONNECTION = new Set([
  ...['host', 'connection', 'content-length', 'transfer-encoding', 'user-agent', 'accept', 'accept-encoding'],
  'keep-alive',
]);

export function json(value: unknown): string {
  return JSON.stringify(value);
}

function comparable(headers: Answer['headers']): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const [name, value] of headers) {
    // To keep the connection is what HTTP/1.1 does unless told otherwise.
    if (NOT_COMPARED.has(name) || (name === 'connection' && value === 'keep-alive')) continue;
    shown[name] = name in shown ? `${shown[name]} | ${value}` : value;
  }
  return shown;
}

/** JSON by its meaning; numbers by their digits where a double would lose some. */
function canonical(text: string): unknown {
  try {
    return JSON.parse(text, (_key, value, context?: { source?: string }) => {
      const isLossy = typeof value === 'number' && !Number.isSafeInteger(value) && Number.isInteger(value);
      return isLossy ? `number ${context?.source}` : value;
    });
  } catch {
    return text;
  }
}

function showRetired({ request_idx, status, success, ...times }: RetiredRequest): object {
  return {
    index: request_idx % 1_000,
    status,
    success,
    entered: times.entered_queue_at > 0,
    started: times.work_started_at > 0,
    completed: times.work_completed_at > 0,
  };
}

function sum<Name extends string>(rows: readonly Readonly<Record<Name, number>>[], name: Name): number {
  return rows.reduce((total, row) => total + row[name], 0);
}

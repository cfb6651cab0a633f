import { quoteOf } from './answer.ts';
import {
  type Caller,
  type CallOptions,
  callOnce,
  callUntilAnswered,
  readJson,
  unexpectedShape,
} from './calling.ts';
import { MarketError } from './market-error.ts';
import { createPacer, type VastCall } from './pacing.ts';
import {
  type Endpoint,
  type ServerlessWorker,
  type Template,
  toEndpoint,
  toTemplate,
  toWorker,
  toWorkergroup,
  type Workergroup,
} from './serverless-wire.ts';
import { createTransport, type VastRequest } from './transport.ts';

export { readConditions } from './search-params.ts';
export * from './serverless-wire.ts';
export type { VastRequest } from './transport.ts';

/** Which of the three things of Vast Serverless a request is about: each has a rate of its own. */
export type ServerlessThing = 'templates' | 'endpoints' | 'workergroups';

/**
 * Vast Serverless in our units: what is deployed there, and what its engine says of the workers. Calls wait for their
 * turn, end by their deadline and throw a `MarketError` when they cannot tell.
 */
export type ServerlessClient = {
  /** All of this name that the account sees, other people's public ones too. */
  findTemplates(name: string, options?: CallOptions): Promise<Template[]>;
  listEndpoints(options?: CallOptions): Promise<Endpoint[]>;
  listWorkergroups(options?: CallOptions): Promise<Workergroup[]>;
  listWorkers(endpointId: number, options?: CallOptions): Promise<ServerlessWorker[]>;
  /** What the engine did lately for an endpoint, in its own words. */
  readEngineLog(endpointId: number, lines: number, options?: CallOptions): Promise<string>;
  /** Sends once. When it fails without a plain answer it may have come about: look before it is sent again. */
  sendOnce(thing: ServerlessThing, request: VastRequest, options?: CallOptions): Promise<void>;
  /** For what may be sent again: changes and deletes. */
  send(thing: ServerlessThing, request: VastRequest, options?: CallOptions): Promise<void>;
  close(): Promise<void>;
};

export type ServerlessClientOptions = {
  readonly apiUrl: string;
  readonly apiKey: string;
  readonly rateScale?: number;
  readonly timeoutMs?: number;
};

const CONSOLE = 'https://console.vast.ai';
const ENGINE = 'https://run.vast.ai';

export function createServerlessClient(options: ServerlessClientOptions): ServerlessClient {
  const { apiUrl, apiKey, rateScale = 1, timeoutMs = 30_000 } = options;
  const pacer = createPacer({ rateScale });
  const callerOf = (url: string): Caller => ({
    transport: createTransport({ apiUrl: url, apiKey, timeoutMs, userAgent: 'leash' }),
    pacer,
    onCall: () => {},
  });
  const api = callerOf(apiUrl);
  const engine = callerOf(engineUrlOf(apiUrl));
  return {
    findTemplates: async (name, call) => {
      const query = { select_cols: '["*"]', select_filters: JSON.stringify({ name: { eq: name } }) };
      const request = get('/api/v0/template/', 'find the template', query);
      const found = await readRows(
        api,
        'templates',
        { request, rowsKey: 'templates', toRow: toTemplate },
        call,
      );
      // A filter that was not applied must not show others as the one.
      return found.filter((template) => template.name === name);
    },
    listEndpoints: (call) => {
      const request = get('/api/v0/endptjobs/', 'list endpoints');
      const rows = readRows(api, 'endpoints', { request, rowsKey: 'results', toRow: toEndpoint }, call);
      return rows.catch(noneOrThrow);
    },
    listWorkergroups: (call) =>
      readRows(
        api,
        'workergroups',
        {
          request: get('/api/v0/workergroups/', 'list workergroups'),
          rowsKey: 'results',
          toRow: toWorkergroup,
        },
        call,
      ),
    listWorkers: (endpointId, call) => {
      const request = ask('/get_endpoint_workers/', { id: endpointId, api_key: apiKey }, 'list the workers');
      return readRows(engine, 'engine', { request, rowsKey: 'workers', toRow: toWorker }, call);
    },
    readEngineLog: (endpointId, lines, call) => {
      const body = { id: endpointId, api_key: apiKey, tail: lines };
      const request = ask('/get_endpoint_logs/', body, 'read the log of the engine');
      return callUntilAnswered(engine, 'engine', request, call, (answer) =>
        textOf(readJson(answer, request.tried), 'info0'),
      );
    },
    sendOnce: (thing, request, call) =>
      callOnce(api, thing, request, boundsFor(call), (answer) => void readJson(answer, request.tried)),
    send: (thing, request, call) =>
      callUntilAnswered(api, thing, request, call, (answer) => void readJson(answer, request.tried)),
    close: async () => {
      await Promise.all([api.transport.close(), engine.transport.close()]);
    },
  };
}

/** The engine has a host of its own; whoever stands in for Vast.ai elsewhere stands in for both. */
function engineUrlOf(apiUrl: string): string {
  return apiUrl.replace(/\/+$/, '') === CONSOLE ? ENGINE : apiUrl;
}

const DEADLINE_MS = 60_000;

function boundsFor(options: CallOptions | undefined) {
  return { signal: options?.signal, deadlineMs: options?.deadlineMs ?? Date.now() + DEADLINE_MS };
}

function get(path: string, tried: string, query: Record<string, string> = { client_id: 'me' }): VastRequest {
  return { method: 'GET', path, query, tried };
}

function ask(path: string, body: Readonly<Record<string, unknown>>, tried: string): VastRequest {
  return { method: 'POST', path, body, tried };
}

type Rows<Row> = {
  readonly request: VastRequest;
  readonly rowsKey: string;
  readonly toRow: (row: unknown) => Row | null;
};

/** Lists of these come whole. The engine sends the list bare, or says under `error_msg` why there is none. */
function readRows<Row>(
  caller: Caller,
  call: VastCall,
  { request, rowsKey, toRow }: Rows<Row>,
  options: CallOptions | undefined,
): Promise<Row[]> {
  return callUntilAnswered(caller, call, request, options, (answer) => {
    const json = readJson(answer, request.tried);
    const said = textOf(json, 'error_msg');
    if (said !== '') throw unexpectedShape(request.tried, quoteOf(said, answer));
    const rows: unknown = Array.isArray(json) ? json : memberOf(json, rowsKey);
    if (!Array.isArray(rows)) throw unexpectedShape(request.tried, `${rowsKey} is no list`);
    return rows.map(toRow).filter((row) => row !== null);
  });
}

/** An account without an endpoint is told so in a refusal. */
function noneOrThrow(error: unknown): never[] {
  const isNone = error instanceof MarketError && error.status === 400 && /no endpoints/i.test(error.message);
  if (isNone) return [];
  throw error;
}

function memberOf(json: unknown, key: string): unknown {
  return typeof json === 'object' && json !== null ? Reflect.get(json, key) : undefined;
}

function textOf(json: unknown, key: string): string {
  const value = memberOf(json, key);
  return typeof value === 'string' ? value : '';
}

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { ApiError, badRequest, engineDead, NoSuchRoute, sendJson, sendText } from './api-reply.ts';
import { type Engine, EngineDeadError } from './engine.ts';
import {
  answerChat,
  answerCompletion,
  answerEmbedding,
  answerTokenize,
  type InferenceCall,
} from './inference.ts';
import { answerResponse } from './responses.ts';

/** What the routes need of the server around them. */
export type HttpApi = {
  readonly engine: Engine;
  /** Unix seconds at which the model was made ready; `/v1/models` shows it. */
  readonly createdS: number;
  /** Called once per answered request, for the access log. */
  readonly onAnswered: (request: IncomingMessage, status: number) => void;
};

/**
 * vLLM's routes on one engine.
 *
 * A bare listener rather than a framework: a thousand of these run in one process, and vLLM's counting
 * rules (which routes, which refusals) are the point.
 */
export function createHttpApi(api: HttpApi): RequestListener {
  let serverLoad = 0;
  const routes = createRoutes(api, () => serverLoad);
  return (request, response) => {
    const path = pathOf(request);
    const route = routes[path];
    const handler = route === undefined ? 'none' : path;
    const isProtected = path.startsWith('/v1') || path === '/tokenize';
    const isRefused =
      isProtected && request.method !== 'OPTIONS' && !isAuthorized(request, api.engine.served.apiKeys);
    const tracksLoad = api.engine.served.tracksLoad && INFERENCE.has(path) && !isRefused;
    if (tracksLoad) serverLoad += 1;
    response.once('close', () => {
      if (tracksLoad) serverLoad -= 1;
      // The key is checked before the counting, so a refused caller leaves no trace in the metrics.
      const status = response.headersSent ? response.statusCode : 500;
      if (!isRefused && api.engine.served.countsRoutes)
        api.engine.metrics.countHttp({ handler, method: request.method ?? 'GET', status });
      api.onAnswered(request, isRefused ? 401 : status);
    });
    if (isRefused) {
      request.resume();
      sendJson(response, 401, { error: 'Unauthorized' });
      return;
    }
    void handle({ route, request, response });
  };
}

type Route = {
  readonly method: 'GET' | 'POST';
  answer(request: IncomingMessage, response: ServerResponse): Promise<void> | void;
};

const INFERENCE = new Set(['/v1/chat/completions', '/v1/completions', '/v1/embeddings', '/v1/responses']);
const BODY_BYTES_MAX = 32 * 1024 * 1024;

function createRoutes(api: HttpApi, serverLoad: () => number): Readonly<Record<string, Route>> {
  const { engine } = api;
  const get = (answer: (response: ServerResponse) => void): Route => ({
    method: 'GET',
    answer: (_request, response) => answer(response),
  });
  const post = (answer: (call: InferenceCall) => Promise<void>): Route => ({
    method: 'POST',
    answer: async (request, response) => {
      const signal = abortedByClient(response);
      if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
        throw badRequest("Unsupported Media Type: Only 'application/json' is allowed");
      }
      const body = await readBody(request);
      if (engine.isDead) throw new EngineDeadError();
      await answer({ engine, body, signal, response });
    },
  });
  const health = get((response) =>
    sendText(response, { status: engine.isDead ? 503 : 200, type: null, body: '' }),
  );
  const page = get((response) =>
    sendText(response, {
      status: 200,
      type: 'text/html; charset=utf-8',
      body: '<!DOCTYPE html><title>FastAPI</title>',
    }),
  );
  return {
    '/health': health,
    '/ping': health,
    '/version': get((response) => sendJson(response, 200, { version: '0.16.0' })),
    '/load': get((response) => sendJson(response, 200, { server_load: serverLoad() })),
    '/metrics': get((response) => {
      const type = 'text/plain; version=1.0.0; charset=utf-8';
      sendText(response, { status: 200, type, body: engine.metrics.text() });
    }),
    '/docs': page,
    '/redoc': page,
    '/openapi.json': get((response) => sendJson(response, 200, openApi([...INFERENCE]))),
    '/v1/models': get((response) => sendJson(response, 200, modelList(api))),
    // What the model cannot do has no route.
    ...(engine.served.runner === 'pooling'
      ? { '/v1/embeddings': post(answerEmbedding) }
      : {
          '/v1/chat/completions': post(answerChat),
          '/v1/completions': post(answerCompletion),
          '/v1/responses': post(answerResponse),
        }),
    '/tokenize': post(answerTokenize),
  };
}

async function handle(given: {
  route: Route | undefined;
  request: IncomingMessage;
  response: ServerResponse;
}): Promise<void> {
  const { route, request, response } = given;
  try {
    if (route === undefined) throw new NoSuchRoute(404);
    if (request.method !== route.method) throw new NoSuchRoute(405);
    await route.answer(request, response);
  } catch (error) {
    if (response.destroyed || response.headersSent) return void response.destroy();
    const refusal = toApiError(error);
    request.resume();
    sendJson(response, refusal.status, refusal.toBody());
  }
}

function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof EngineDeadError) return engineDead();
  return new ApiError(500, 'InternalServerError', error instanceof Error ? error.message : String(error));
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?')[0] ?? '/';
}

function isAuthorized(request: IncomingMessage, keys: readonly string[]): boolean {
  if (keys.length === 0) return true;
  const given = /^bearer (.*)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (given === undefined) return false;
  return keys.some((key) => timingSafeEqual(digest(key), digest(given)));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Fires when the connection closes before the answer is complete. */
function abortedByClient(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort(new ClientGone());
  });
  return controller.signal;
}

class ClientGone extends Error {}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX)
      throw new ApiError(413, 'RequestEntityTooLarge', 'Request body is too large.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function modelList({ engine: { served }, createdS }: HttpApi): unknown {
  const data = served.names.map((id) => ({
    id,
    object: 'model',
    created: createdS,
    owned_by: 'vllm',
    root: served.model,
    parent: null,
    max_model_len: served.maxModelLen,
    permission: [permission(id, createdS)],
  }));
  return { object: 'list', data };
}

function permission(id: string, createdS: number): unknown {
  return {
    id: `modelperm-${digest(id).toString('hex').slice(0, 32)}`,
    object: 'model_permission',
    created: createdS,
    allow_create_engine: false,
    allow_sampling: true,
    allow_logprobs: true,
    allow_search_indices: false,
    allow_view: true,
    allow_fine_tuning: false,
    organization: '*',
    group: null,
    is_blocking: false,
  };
}

function openApi(paths: readonly string[]): unknown {
  return {
    openapi: '3.1.0',
    info: { title: 'FastAPI', version: '0.1.0' },
    paths: Object.fromEntries(paths.map((path) => [path, {}])),
  };
}

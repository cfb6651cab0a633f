import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { billingRoutes } from './api/billing.ts';
import { categoryOf } from './api/categories.ts';
import { controlAnswer } from './api/control.ts';
import { createRoutes } from './api/create.ts';
import type { Answer, Exchange, Route, Shape } from './api/exchange.ts';
import { refusal } from './api/exchange.ts';
import { instanceRoutes } from './api/instances.ts';
import { keyRoutes } from './api/keys.ts';
import { listRoutes } from './api/list.ts';
import { logRoutes } from './api/logs.ts';
import { openAnswer } from './api/open.ts';
import { resourceRoutes } from './api/resources.ts';
import { searchRoutes } from './api/search.ts';
import type { Call } from './fault-kinds.ts';
import { mayCall, ORDINARY_RIGHTS } from './keys.ts';
import { type Outcome, processCall, quotaReset } from './pipeline.ts';
import type { RequestEntry } from './request-log.ts';
import { findRoute } from './routing.ts';
import { certificateAnswer } from './serverless/certificate-routes.ts';
import { endpointRoutes } from './serverless/endpoint-routes.ts';
import { engineRoutes } from './serverless/engine-routes.ts';
import { templateRoutes } from './serverless/template-routes.ts';
import { workergroupRoutes } from './serverless/workergroup-routes.ts';
import type { World } from './world.ts';

/** The world may be replaced (reset) while the server stays. */
export type Stage = { world: World; baseUrl: string; reset(): Promise<void> };

const ROUTES: readonly Route[] = [
  ...searchRoutes,
  ...createRoutes,
  ...logRoutes,
  ...resourceRoutes,
  ...billingRoutes,
  ...keyRoutes,
  ...templateRoutes,
  ...endpointRoutes,
  ...workergroupRoutes,
  ...engineRoutes,
  // Last, since `/instances/:id` would also take `/instances/filters`.
  ...instanceRoutes.filter(({ path }) => !path.endsWith('instances/:id')),
  ...listRoutes.filter(({ path }) => !path.endsWith('instances/:id')),
  ...[...instanceRoutes, ...listRoutes].filter(({ path }) => path.endsWith('instances/:id')),
];

/** The simulator's HTTP: the market under `/api`, its log store, and control under `/_sim/`. */
export function makeServer(stage: Stage): Server {
  const server = createServer((request, response) => {
    serve(stage, request, response).catch((error: unknown) => {
      process.stderr.write(`simulator: ${error instanceof Error ? error.stack : String(error)}\n`);
      send(response, {
        status: 500,
        body: { success: false, error: 'server_error', msg: 'Something went wrong on the server' },
      });
    });
  });
  server.keepAliveTimeout = 65_000;
  return server;
}

async function serve(stage: Stage, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://simulator');
  const path = url.pathname.length > 1 ? url.pathname.replace(/\/+$/, '') : '/';
  const text = await readBody(request);
  const incoming: Incoming = {
    method: request.method ?? 'GET',
    path,
    query: url.searchParams,
    text,
    request,
    response,
  };
  if (path.startsWith('/_sim/')) return serveControl(stage, incoming);
  if (path.startsWith('/_objects/')) return serveObject(stage, incoming);
  const certificate = await certificateAnswer(stage.world, incoming);
  if (certificate !== undefined) return send(response, certificate);
  await serveMarket(stage, incoming);
}

type Incoming = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly text: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
};

async function serveMarket(stage: Stage, incoming: Incoming): Promise<void> {
  const { world } = stage;
  const { method, path, query, response } = incoming;
  const arrivedAt = world.now();
  const open = openAnswer(world, method, path);
  if (open !== undefined) {
    const entry = world.requests.open({ at: arrivedAt, method, path, call: null });
    return finish(world, entry, response, { kind: 'answer', answer: { status: 200, body: open } });
  }
  const body = parseBody(incoming.text);
  const found = findRoute(ROUTES, method, path);
  const shape: Shape = { params: found?.params ?? {}, query, body: body ?? {} };
  const call = found === null ? null : resolve(found.route.call, shape);
  const entry = world.requests.open({ at: arrivedAt, method, path, call });
  const identity = found?.route.opensItself ? nobody(world) : identify(world, incoming);
  const early = 'status' in identity ? identity : refuseEarly(found !== null, body !== null, incoming);
  if (found === null || 'status' in identity || early !== null) {
    const answer = early ?? refusal(404, 'not_found', 'not found');
    return finish(world, entry, response, { kind: 'answer', answer });
  }
  const { route } = found;
  const barred = bar(route, identity, shape.params.id);
  if (barred !== null) return finish(world, entry, response, { kind: 'answer', answer: barred });
  const limited = limit(world, route, shape, { identity, incoming, at: arrivedAt });
  if (limited !== null) return finish(world, entry, response, limited);
  const { baseUrl } = stage;
  const key = keyOf(incoming);
  const exchange = { world, ...identity, ...shape, arrivedAt, changes: [], baseUrl, key };
  const { outcome, fault, created } = await processCall(route, exchange, call, () => response.destroyed);
  entry.fault = fault;
  if (created?.reply === 'sent' && response.destroyed) created.reply = 'lost';
  finish(world, entry, response, outcome);
  if (call !== null) await fireReplied(world, call, response);
}

/** What is answered before anybody looks at what the call asks. */
function refuseEarly(isKnown: boolean, isJson: boolean, { method, path }: Incoming): Answer | null {
  if (!isJson) return refusal(400, 'invalid_request', 'error 400/1290: invalid_request Invalid json body');
  return isKnown ? null : refusal(404, 'not_found', `There is no ${method} ${path}.`);
}

type Identity = Pick<Exchange, 'account' | 'ownInstance' | 'rights'>;

/** Whose key it is. A bad key is a 404, which must not be read as "gone". */
function identify(world: World, incoming: Incoming): Identity | Answer {
  const key = keyOf(incoming);
  if (key === null) return refusal(403, 'auth_error', 'This action requires login.');
  const ownInstance = world.contracts.findByKey(key);
  if (ownInstance !== null) {
    return { account: world.accounts.getById(ownInstance.accountId), ownInstance, rights: ORDINARY_RIGHTS };
  }
  const account = world.contracts.isInstanceKey(key) ? null : world.accounts.find(key, world.now());
  if (account === null) return refusal(404, 'auth_error', 'Invalid user key');
  return { account, ownInstance: null, rights: world.accounts.keyOf(account, key).rights };
}

/** For calls that look at credentials themselves; nothing they do is the account's. */
function nobody(world: World): Identity {
  return { account: world.accounts.main, ownInstance: null, rights: ORDINARY_RIGHTS };
}

function keyOf({ request, query }: Incoming): string | null {
  const header = /^Bearer\s+(\S+)\s*$/i.exec(request.headers.authorization ?? '');
  return header?.[1] ?? (query.get('api_key') || null);
}

/** An instance's own key starts, stops, labels and destroys that instance and nothing else; others do what they may. */
function bar(route: Route, { ownInstance, rights }: Identity, id: string | undefined): Answer | null {
  const isAllowed =
    ownInstance === null
      ? route.opensItself === true ||
        mayCall(rights, { category: categoryOf(route.scope), scope: route.scope })
      : route.isForInstances === true && Number(id) === ownInstance.id;
  if (isAllowed) return null;
  return refusal(401, 'unauthorized', `This key lacks ${route.scope} route access.`);
}

function limit(
  world: World,
  route: Route,
  shape: Shape,
  caller: { identity: Identity; incoming: Incoming; at: number },
): Outcome | null {
  const endpoint = resolve(route.limit, shape);
  if (endpoint === null) return null;
  const address = caller.incoming.request.socket.remoteAddress ?? '';
  const who = caller.identity.ownInstance?.id ?? caller.identity.account.id;
  const text = world.rates.refuse({ endpoint, identity: `${who}@${address}`, address, at: caller.at });
  return text === null ? null : { kind: 'text', status: 429, type: 'text/plain', text };
}

function resolve<Value>(value: Value | ((shape: Shape) => Value), shape: Shape): Value {
  return typeof value === 'function' ? (value as (shape: Shape) => Value)(shape) : value;
}

function finish(world: World, entry: RequestEntry, response: ServerResponse, outcome: Outcome): void {
  if (outcome.kind === 'lost' || response.destroyed) response.destroy();
  else if (outcome.kind === 'text') {
    entry.status = outcome.status;
    response.writeHead(outcome.status, { 'content-type': outcome.type }).end(outcome.text);
  } else {
    entry.status = outcome.answer.status;
    if (isQuota(outcome.answer)) response.setHeader('X-RateLimit-Reset', quotaReset(world));
    send(response, outcome.answer);
  }
  world.requests.done(entry);
}

function isQuota({ status, body }: Answer): boolean {
  return status === 429 && (body as { error?: string }).error === 'search_quota_exceeded';
}

/** The official client takes no other spelling of the type of JSON. */
function send(response: ServerResponse, { status, body, type }: Answer): void {
  if (response.destroyed || response.headersSent) return;
  if (type !== undefined) response.writeHead(status, { 'content-type': type }).end(String(body));
  else response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function fireReplied(world: World, call: Call, response: ServerResponse): Promise<void> {
  if (!response.writableFinished && !response.destroyed) {
    await new Promise<void>((resolve) => {
      response.once('finish', resolve);
      response.once('close', resolve);
    });
  }
  await world.triggers.fire(call, 'replied');
}

function serveObject(stage: Stage, { path, response }: Incoming): void {
  const name = path.slice('/_objects/'.length).replace(/\.log$/, '');
  const object = stage.world.logObjects.read(name, stage.world.now());
  if ('text' in object) response.writeHead(200, { 'content-type': 'text/plain' }).end(object.text);
  else response.writeHead(object.status, { 'content-type': 'application/xml' }).end('<Error/>');
}

async function serveControl(stage: Stage, incoming: Incoming): Promise<void> {
  const { request, response, method, path, query } = incoming;
  if (!isLoopback(request)) {
    return send(response, { status: 403, body: { error: 'control is for this machine only' } });
  }
  const body = parseBody(incoming.text);
  if (body === null) return send(response, { status: 400, body: { error: 'the body is not a JSON object' } });
  const reset = () => stage.reset();
  send(response, await controlAnswer({ world: stage.world, method, path, query, body, reset }));
}

/** From this machine, and not through a page of some other site that names itself (DNS rebinding). */
function isLoopback(request: IncomingMessage): boolean {
  const address = request.socket.remoteAddress ?? '';
  const isLocal = /^(::ffff:)?127\./.test(address) || address === '::1';
  const host = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
  return isLocal && (/^127\.\d+\.\d+\.\d+$/.test(host) || host === 'localhost' || host === '[::1]');
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size <= LARGEST_BODY) chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
}

const LARGEST_BODY = 1_000_000;

/** A JSON object, empty for no body; null when it is not one. */
function parseBody(text: string): Record<string, unknown> | null {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

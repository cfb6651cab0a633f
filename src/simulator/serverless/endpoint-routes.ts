import type { z } from 'zod';
import { type Answer, type Exchange, type Route, refusal, success } from '../api/exchange.ts';
import { ENDPOINT_DEFAULTS, type Endpoint, endpointRow, readSettings } from './endpoints.ts';
import { problemsOf } from './problems.ts';

const ENDPOINTS = '/api/v0/endptjobs';
const ONE = `${ENDPOINTS}/:id`;

/** `/endptjobs/`: what callers route to, and how many workers it keeps. */
export const endpointRoutes: readonly Route[] = [
  route('GET', ENDPOINTS, 'index', listEndpoints),
  route('POST', ENDPOINTS, 'create', createEndpoint),
  route('GET', ONE, 'show', (exchange) => withOwn(exchange, (own) => success({ result: endpointRow(own) }))),
  route('PUT', ONE, 'update', (exchange) => withOwn(exchange, (own) => updateEndpoint(exchange, own))),
  route('DELETE', ONE, 'delete', (exchange) => withOwn(exchange, (own) => deleteEndpoint(exchange, own))),
];

function route(method: string, path: string, scope: string, handle: Route['handle']): Route {
  return { method, path, call: 'endpoint', limit: 'endpoints', scope: `api.endpoints.${scope}`, handle };
}

function listEndpoints({ world, account }: Exchange): Answer {
  return success({ results: world.serverless.endpoints.ofAccount(account.id).map(endpointRow) });
}

/** Two of one name are not refused here; callers by name cannot tell them apart. */
function createEndpoint({ world, account, body }: Exchange): Answer {
  const read = readSettings(ENDPOINT_DEFAULTS, body);
  if (!read.success) return invalid(read.error);
  const endpoint = world.serverless.endpoints.create(account.id, read.data, world.now());
  world.serverless.logs.write(endpoint.id, 'info0', `endpoint ${read.data.endpoint_name} created`);
  world.changed();
  return success({ result: endpoint.id });
}

function updateEndpoint({ world, body }: Exchange, endpoint: Endpoint): Answer {
  const read = readSettings(endpoint.settings, body);
  if (!read.success) return invalid(read.error);
  endpoint.settings = read.data;
  world.serverless.logs.write(endpoint.id, 'info0', `endpoint changed: ${JSON.stringify(read.data)}`);
  world.changed();
  return success();
}

/** Its workergroups go with it, and so do their workers: "destroyed" of the documented states. */
function deleteEndpoint({ world }: Exchange, endpoint: Endpoint): Answer {
  world.scaling.deleteEndpoint(endpoint);
  world.changed();
  return success();
}

function withOwn({ world, account, params }: Exchange, act: (endpoint: Endpoint) => Answer): Answer {
  const endpoint = world.serverless.endpoints.find(account.id, Number(params.id));
  return endpoint === null
    ? refusal(404, 'not_found', `error 404/4402: not_found Endpoint ${params.id} not found.`)
    : act(endpoint);
}

function invalid(error: z.ZodError): Answer {
  return refusal(400, 'invalid_args', problemsOf(error));
}

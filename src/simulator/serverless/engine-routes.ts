import { z } from 'zod';
import { type Answer, type Exchange, type Route, success } from '../api/exchange.ts';
import { dlperfOf } from '../rows.ts';
import type { Endpoint } from './endpoints.ts';
import { statusOf } from './serverless.ts';
import type { Workergroup } from './workergroups.ts';
import { Report, type Worker } from './workers.ts';

/**
 * The engine's own calls, at another host in the real service. Each brings its own credentials in its body or
 * header: workers a token, callers the key of an endpoint, people the key of the account.
 */
export const engineRoutes: readonly Route[] = [
  route('POST', '/route', 'route', routeRequest),
  route('POST', '/worker_status', 'worker-status', takeReport),
  route('POST', '/delete_requests', 'delete-requests', retireRequests),
  route('GET', '/pubkey', 'pubkey', publicKey),
  route('POST', '/get_endpoint_workers', null, listWorkers),
  route('POST', '/get_endpoint_logs', null, readLogs),
  route('POST', '/get_autogroup_logs', null, readGroupLogs),
  route('POST', '/update_workers', null, updateWorkers),
];

function route(method: string, path: string, call: Route['call'], handle: Route['handle']): Route {
  return { method, path, call, limit: null, scope: '', opensItself: true, handle };
}

const RouteOrder = z.looseObject({
  endpoint: z.string(),
  api_key: z.string().optional(),
  cost: z.number().min(0).default(0),
  request_idx: z.number().int().nullish(),
  replay_timeout: z.number().min(0).default(60),
});

function routeRequest(exchange: Exchange): Answer {
  const order = RouteOrder.safeParse(exchange.body);
  if (!order.success) return refused(400, order.error);
  const { endpoint: name, cost, request_idx, replay_timeout } = order.data;
  const { endpoints } = exchange.world.serverless;
  const endpoint = keysOf(exchange)
    .map((key) => endpoints.findByKey(key))
    .find((found) => found !== null);
  if (endpoint?.settings.endpoint_name !== name)
    return said(401, `the key opens no endpoint named ${JSON.stringify(name)}`);
  const request = { cost, idx: request_idx ?? 0, replaySeconds: replay_timeout };
  return { status: 200, body: exchange.world.serverless.route(endpoint, request) };
}

function takeReport({ world, body }: Exchange): Answer {
  const report = Report.safeParse(body);
  if (!report.success) return refused(422, report.error);
  const worker = world.serverless.workers.find(report.data.id, report.data.mtoken);
  if (worker === null) return unknownWorker(report.data.id);
  world.serverless.note(worker, report.data);
  return success();
}

const Retired = z.object({
  worker_id: z.number().int(),
  mtoken: z.string(),
  requests: z.array(z.looseObject({ request_idx: z.number().int() })),
});

/** Indexes that are not there (any more) are passed over: a worker may say it twice. */
function retireRequests({ world, body }: Exchange): Answer {
  const said = Retired.safeParse(body);
  if (!said.success) return refused(422, said.error);
  const { worker_id, mtoken, requests } = said.data;
  const worker = world.serverless.workers.find(worker_id, mtoken);
  if (worker === null) return unknownWorker(worker_id);
  const retired = requests.filter((request) =>
    world.serverless.ledger.retire(worker_id, request.request_idx, request, world.now()),
  );
  return success({ deleted: retired.length });
}

function publicKey({ world }: Exchange): Answer {
  const pem = world.serverless.signer.publicKeyPem();
  world.changed();
  return { status: 200, body: pem, type: 'text/plain' };
}

function listWorkers(exchange: Exchange): Answer {
  return withOwnEndpoint(exchange, (endpoint) => ({
    status: 200,
    body: exchange.world.serverless.workersOf(endpoint).map((worker) => workerRow(exchange, worker)),
  }));
}

/** In `measured_perf` stands an estimate until the worker is ready; here that is none. */
function workerRow({ world }: Exchange, worker: Worker) {
  const { serverless, scaling, market } = world;
  const { report } = worker;
  const contract = scaling.contractOf(worker);
  const machine = contract === null ? null : market.getMachine(contract.machineId);
  return {
    id: worker.id,
    status: statusOf(worker, contract, serverless.isSilent(worker)),
    gpu_name: machine?.gpu.name ?? null,
    cur_load: report?.cur_load ?? 0,
    new_load: report?.new_load ?? 0,
    cur_load_rolling_avg: worker.loadAverage,
    cur_perf: report?.cur_perf ?? 0,
    perf: report?.max_perf ?? 0,
    measured_perf: report?.max_perf ?? 0,
    dlperf: machine === null ? 0 : dlperfOf(machine, contract?.gpuCount ?? 1),
    reliability: machine?.reliability ?? 1,
    reqs_working: report?.num_requests_working ?? 0,
    disk_usage: report?.disk_usage ?? 0,
    error_msg: report?.error_msg || null,
    loaded_at: worker.loadedAt ?? 0,
    started_at: worker.startedAt,
  };
}

function readLogs(exchange: Exchange): Answer {
  return withOwnEndpoint(exchange, (endpoint) => logsOf(exchange, endpoint.id));
}

function readGroupLogs(exchange: Exchange): Answer {
  return withOwnGroup(exchange, exchange.body.id, (group) => logsOf(exchange, group.endpointId));
}

function logsOf({ world, body }: Exchange, endpointId: number): Answer {
  const tail = typeof body.tail === 'number' && body.tail > 0 ? body.tail : LOG_LINES;
  return { status: 200, body: world.serverless.logs.read(endpointId, tail) };
}

const LOG_LINES = 1_000;

/** Rented workers are replaced by such as run the group's present template: here all at once. */
function updateWorkers(exchange: Exchange): Answer {
  const { world, body } = exchange;
  return withOwnGroup(exchange, body.workergroup_id, (group) => {
    if (body.cancel_update === true) return success({ cancelled: true });
    const count = world.scaling.replaceWorkers(group);
    return success({ workers_to_update: count });
  });
}

function withOwnEndpoint(exchange: Exchange, act: (endpoint: Endpoint) => Answer): Answer {
  const endpoint = exchange.world.serverless.endpoints.get(Number(exchange.body.id));
  const isOwn = endpoint !== null && mayRead(exchange, endpoint);
  return isOwn ? act(endpoint) : said(200, `endpoint ${String(exchange.body.id)} is not known for this key`);
}

function withOwnGroup(exchange: Exchange, id: unknown, act: (group: Workergroup) => Answer): Answer {
  const { groups, endpoints } = exchange.world.serverless;
  const group = groups.get(Number(id));
  const endpoint = group === null ? null : endpoints.get(group.endpointId);
  const isOwn = group !== null && endpoint !== null && mayRead(exchange, endpoint);
  return isOwn ? act(group) : said(200, `workergroup ${String(id)} is not known for this key`);
}

/** With the endpoint's own key, or with that of its account. */
function mayRead(exchange: Exchange, endpoint: Endpoint): boolean {
  const { accounts } = exchange.world;
  return keysOf(exchange).some(
    (key) => key === endpoint.key || accounts.findKnown(key)?.id === endpoint.accountId,
  );
}

function keysOf({ body, key }: Exchange): string[] {
  return [body.api_key, key].filter((each): each is string => typeof each === 'string' && each !== '');
}

function unknownWorker(id: number): Answer {
  return said(401, `worker ${id} is not expected here, or its token is another`);
}

function refused(status: number, error: z.ZodError): Answer {
  return said(status, error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '));
}

/** The engine's errors have a shape of their own. */
function said(status: number, text: string): Answer {
  return { status, body: { error_msg: text } };
}

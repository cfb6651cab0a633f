import { type Answer, type Exchange, type Route, refusal, success } from '../api/exchange.ts';
import { QueryError } from '../query.ts';
import type { Endpoint } from './endpoints.ts';
import { problemsOf } from './problems.ts';
import { parseSearchParams } from './search-params.ts';
import { GroupOrder, type GroupSettings, type Workergroup } from './workergroups.ts';

/** One resource under two names: the documentation's, and that of the official command line. */
const PATHS = ['/api/v0/workergroups', '/api/v0/autojobs'];

/** `/workergroups/`: what the workers of an endpoint run, and on which machines. */
export const workergroupRoutes: readonly Route[] = PATHS.flatMap((path) => [
  route('GET', path, 'index', listGroups),
  route('POST', path, 'create', createGroup),
  route('GET', `${path}/:id`, 'show', (exchange) =>
    withOwn(exchange, (own) => success({ result: rowOf(exchange, own) })),
  ),
  route('PUT', `${path}/:id`, 'update', (exchange) => withOwn(exchange, (own) => updateGroup(exchange, own))),
  route('DELETE', `${path}/:id`, 'delete', (exchange) =>
    withOwn(exchange, (own) => deleteGroup(exchange, own)),
  ),
]);

function route(method: string, path: string, scope: string, handle: Route['handle']): Route {
  return {
    method,
    path,
    call: 'workergroup',
    limit: 'workergroups',
    scope: `api.workergroups.${scope}`,
    handle,
  };
}

function listGroups(exchange: Exchange): Answer {
  const { world, account } = exchange;
  const groups = world.serverless.groups.ofAccount(account.id);
  return success({ results: groups.map((group) => rowOf(exchange, group)) });
}

function createGroup(exchange: Exchange): Answer {
  const read = readOrder(exchange, null);
  if ('status' in read) return read;
  const { world, account } = exchange;
  const group = world.serverless.groups.create({
    accountId: account.id,
    createdAt: world.now(),
    endpointId: read.endpoint.id,
    settings: read.settings,
  });
  world.serverless.logs.write(read.endpoint.id, 'info0', `workergroup ${group.id} created`);
  world.changed();
  return success({ id: group.id });
}

function updateGroup(exchange: Exchange, group: Workergroup): Answer {
  const read = readOrder(exchange, group);
  if ('status' in read) return read;
  group.endpointId = read.endpoint.id;
  group.settings = read.settings;
  exchange.world.serverless.logs.write(group.endpointId, 'info0', `workergroup ${group.id} changed`);
  exchange.world.changed();
  return success({ id: group.id });
}

/** Its workers go on running, and billing, as the documentation warns: whoever rented them ends them by id. */
function deleteGroup({ world }: Exchange, group: Workergroup): Answer {
  world.serverless.deleteGroup(group);
  world.changed();
  return success({ deleted_workers: [] });
}

type Read = { readonly endpoint: Endpoint; readonly settings: GroupSettings };

/** What a body asks for, over what the group has; or why it is refused. */
function readOrder({ world, account, body }: Exchange, group: Workergroup | null): Read | Answer {
  const { endpoints, templates } = world.serverless;
  const order = GroupOrder.safeParse(body);
  if (!order.success) return refusal(400, 'invalid_args', problemsOf(order.error));
  const { endpoint_id, endpoint_name, template_hash, template_id, search_params, launch_args, gpu_ram } =
    order.data;
  const own = endpoints.ofAccount(account.id);
  const endpointId = endpoint_id ?? (endpoint_name ? null : group?.endpointId);
  const endpoint = own.find(({ id, settings }) =>
    endpointId ? id === endpointId : settings.endpoint_name === endpoint_name,
  );
  if (endpoint === undefined) return missing('endpoint_id or endpoint_name', 'names no endpoint');
  const wanted =
    template_hash || template_id
      ? { hash: template_hash, id: template_id }
      : { hash: group?.settings.templateHash };
  const template = wanted.hash || wanted.id ? templates.find(account.id, wanted) : null;
  if (template === null) return missing('template_hash or template_id', 'names no template');
  const searchParams = search_params ?? group?.settings.searchParams;
  if (searchParams === undefined) return missing('search_params', 'Field required');
  const problem = problemOfSearch(searchParams);
  if (problem !== null) return missing('search_params', problem);
  return {
    endpoint,
    settings: {
      templateHash: template.hash,
      searchParams,
      launchArgs: launch_args ?? group?.settings.launchArgs ?? null,
      gpuRamGb: gpu_ram ?? group?.settings.gpuRamGb ?? null,
    },
  };
}

function problemOfSearch(params: GroupSettings['searchParams']): string | null {
  try {
    parseSearchParams(params);
    return null;
  } catch (error) {
    if (error instanceof QueryError) return error.message;
    throw error;
  }
}

function missing(field: string, what: string): Answer {
  return refusal(400, 'invalid_args', `error 400/4431: invalid_args ${field}: ${what}`);
}

function withOwn({ world, account, params }: Exchange, act: (group: Workergroup) => Answer): Answer {
  const group = world.serverless.groups.find(account.id, Number(params.id));
  return group === null
    ? refusal(404, 'no_such_workergroup', `error 404/4432: no_such_workergroup ${params.id}`)
    : act(group);
}

function rowOf({ world }: Exchange, group: Workergroup) {
  const { settings } = group;
  const endpoint = world.serverless.endpoints.get(group.endpointId);
  const template = world.serverless.templates.find(group.accountId, { hash: settings.templateHash });
  return {
    id: group.id,
    endpoint_id: group.endpointId,
    endpoint_name: endpoint?.settings.endpoint_name ?? null,
    template_hash: settings.templateHash,
    template_id: template?.id ?? null,
    search_query: parseSearchParams(settings.searchParams),
    launch_args: settings.launchArgs,
    gpu_ram: settings.gpuRamGb,
    min_load: 0,
    target_util: 0.9,
    cold_mult: 2.5,
    cold_workers: 0,
    api_key: endpoint?.key ?? null,
    user_id: group.accountId,
    created_at: group.createdAt,
  };
}

import type { Contract } from '../contract.ts';
import type { Call } from '../fault-kinds.ts';
import {
  type Answer,
  changeOf,
  type Exchange,
  findOwn,
  noSuchInstance,
  type Route,
  refusal,
  type Shape,
  success,
} from './exchange.ts';

export const instanceRoutes: readonly Route[] = [
  {
    method: 'DELETE',
    path: '/api/v0/instances/:id',
    call: 'destroy',
    limit: 'destroy',
    isForInstances: true,
    scope: 'api.instance.destroy',
    handle: (exchange) => destroy(exchange, exchange.params.id),
  },
  {
    method: 'DELETE',
    path: '/api/v0/instances',
    call: 'destroy',
    limit: 'destroy',
    scope: 'api.instance.destroy',
    handle: destroyMany,
  },
  {
    method: 'PUT',
    path: '/api/v0/instances/:id',
    call: callOfChange,
    limit: 'manage',
    isForInstances: true,
    scope: 'api.instance.manage',
    handle: change,
  },
  {
    method: 'PUT',
    path: '/api/v0/instances',
    call: callOfChange,
    limit: 'manage-many',
    scope: 'api.instance.manage',
    handle: (exchange) => changeMany(exchange, exchange.body.ids, exchange.body.state),
  },
  {
    method: 'POST',
    path: '/api/v0/instances/start',
    call: 'start',
    limit: 'manage-many',
    scope: 'api.instance.manage',
    handle: (exchange) => changeMany(exchange, exchange.body.IDs ?? exchange.body.ids, 'running'),
  },
  {
    method: 'POST',
    path: '/api/v0/instances/stop',
    call: 'stop',
    limit: 'manage-many',
    scope: 'api.instance.manage',
    handle: (exchange) => changeMany(exchange, exchange.body.IDs ?? exchange.body.ids, 'stopped'),
  },
  {
    method: 'PUT',
    path: '/api/v0/instances/reboot/:id',
    call: null,
    limit: 'reboot',
    scope: 'api.instance.reboot',
    handle: (exchange) => restart(exchange, 'rebooting'),
  },
  {
    method: 'PUT',
    path: '/api/v0/instances/recycle/:id',
    call: null,
    limit: 'reboot',
    scope: 'api.instance.recycle',
    handle: (exchange) => restart(exchange, 'recycling'),
  },
  {
    method: 'PUT',
    path: '/api/v0/instances/bid_price/:id',
    call: null,
    limit: 'bid',
    scope: 'api.instance.bid',
    handle: changeBid,
  },
  {
    method: 'PUT',
    path: '/api/v0/instances/prepay/:id',
    call: null,
    limit: 'prepay',
    scope: 'api.instance.prepay',
    handle: () => refusal(400, 'bad_request', 'Prepaying is not available on this account.'),
  },
  {
    method: 'GET',
    path: '/api/v0/instances/balance/:id',
    call: null,
    limit: 'deposit',
    scope: 'api.instance.balance',
    handle: (exchange) =>
      findOwn(exchange, exchange.params.id) === null
        ? noSuchInstance(exchange.params.id)
        : success({ refundable_deposit: 0, total_discount: 0, discounted_hourly: 0, credit_discount: 0 }),
  },
];

function callOfChange({ body }: Shape): Call | null {
  if (body.state === 'running') return 'start';
  if (body.state === 'stopped') return 'stop';
  return 'label' in body ? 'label' : null;
}

function destroy(exchange: Exchange, id: unknown): Answer {
  const { world } = exchange;
  const contract = findOwn(exchange, id);
  if (contract === null) return noSuchInstance(id);
  const lingers = changeOf(exchange, 'destroy-lingers');
  const lingerSeconds =
    lingers === null ? null : (lingers.seconds ?? LINGER_SECONDS / world.settings.timeScale);
  world.life.destroy(contract, exchange.ownInstance === null ? 'account' : 'instance', lingerSeconds);
  world.changed();
  return success();
}

const LINGER_SECONDS = 300;

/** Each for itself: an id that is gone already does not keep the others. */
function destroyMany(exchange: Exchange): Answer {
  const ids = exchange.body.instance_ids;
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > 64) {
    return refusal(
      400,
      'invalid_args',
      'error 400/4410: invalid_args instance_ids: a list of 1 to 64 ids is required',
    );
  }
  const failed = ids.filter((id: unknown) => destroy(exchange, id).status !== 200);
  return success({ destroyed: ids.length - failed.length, not_found: failed });
}

function change(exchange: Exchange): Answer {
  const contract = findOwn(exchange, exchange.params.id);
  if (contract === null) return noSuchInstance(exchange.params.id);
  const { body, world } = exchange;
  if (body.state === 'running' || body.state === 'stopped') return setState(exchange, contract, body.state);
  if ('label' in body) {
    const { label } = body;
    if (label !== null && typeof label !== 'string')
      return refusal(400, 'invalid_args', 'label must be a string');
    if (label !== null && label.length > 1024)
      return refusal(400, 'label_too_long', 'Label exceeds 1024 characters.');
    contract.label = label === '' ? null : label;
    world.changed();
    return success();
  }
  return refusal(400, 'invalid_args', 'error 400/4120: invalid_args state or label is required');
}

function setState({ world, account }: Exchange, contract: Contract, state: 'running' | 'stopped'): Answer {
  if (state === 'stopped') {
    world.life.stop(contract);
    return success();
  }
  if (world.cashier.creditUsd(account, world.now()) <= 0) {
    return refusal(400, 'insufficient_credit', 'Your account lacks credit; see the billing page.');
  }
  if (world.life.start(contract)) return success();
  return refusal(
    200,
    'resources_unavailable',
    'Required resources are currently unavailable, state change queued.',
  );
}

function changeMany(exchange: Exchange, ids: unknown, state: unknown): Answer {
  if (!Array.isArray(ids) || ids.length === 0 || (state !== 'running' && state !== 'stopped')) {
    return refusal(400, 'invalid_args', 'error 400/4131: invalid_args ids and state are required');
  }
  const contracts = ids.map((id: unknown) => findOwn(exchange, id));
  const unknown = ids.filter((_, index) => contracts[index] === null);
  if (unknown.length > 0) return noSuchInstance(unknown.join(', '));
  const answers = contracts.flatMap((contract) =>
    contract === null ? [] : [setState(exchange, contract, state)],
  );
  return answers.find(({ body }) => !(body as { success: boolean }).success) ?? success();
}

function restart(exchange: Exchange, how: 'rebooting' | 'recycling'): Answer {
  const contract = findOwn(exchange, exchange.params.id);
  if (contract === null) return noSuchInstance(exchange.params.id);
  exchange.world.life.restart(contract, how);
  return success();
}

function changeBid(exchange: Exchange): Answer {
  const { world, params, body } = exchange;
  const contract = findOwn(exchange, params.id);
  if (contract === null) return noSuchInstance(params.id);
  const price = Number(body.price);
  if (contract.bid === null) return refusal(400, 'invalid_args', 'The instance is not interruptible.');
  if (Number.isNaN(price) || price < 0.001 * contract.gpuCount || price > 32 * contract.gpuCount) {
    return refusal(400, 'invalid_price', 'error 400/4207: invalid_price price must be 0.001 to 32 per GPU');
  }
  world.cashier.settle(contract, world.now());
  contract.bid = price;
  contract.gpuUsdPerHour = price;
  const slice = world.market.slices.get(contract.sliceKey);
  // A bid below the going price gives the GPUs to the next bidder.
  if (slice !== undefined && price < world.market.minBid(slice)) world.life.stopByService(contract);
  else if (contract.intended === 'stopped') world.life.start(contract);
  world.changed();
  return success();
}

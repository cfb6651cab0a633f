import type { Machine } from '../machine.ts';
import { rounded } from '../machine.ts';
import { findVolumeMachine, volumeOfferId } from '../volumes.ts';
import { type Answer, type Exchange, ok, type Route, refusal, success } from './exchange.ts';

/** Volumes, and the lists of things that this market has none of. */
export const resourceRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v0/volumes',
    call: 'volumes',
    limit: 'volumes',
    scope: 'api.volumes.index',
    handle: listVolumes,
  },
  {
    method: 'POST',
    path: '/api/v0/volumes/search',
    call: null,
    limit: null,
    scope: 'api.volumes.search',
    handle: volumeOffers,
  },
  {
    method: 'PUT',
    path: '/api/v0/volumes',
    call: null,
    limit: 'volumes',
    scope: 'api.volumes.create',
    handle: createVolume,
  },
  {
    method: 'DELETE',
    path: '/api/v0/volumes',
    call: null,
    limit: 'volumes',
    scope: 'api.volumes.delete',
    handle: deleteVolume,
  },
  ...emptyLists([
    ['/api/v0/secrets', 'api.secrets.index', { secrets: {} }],
    ['/api/v0/ssh', 'api.ssh.index', { ssh_keys: [] }],
    ['/api/v0/instances/pending-price-increases', 'api.instances.index', { results: [] }],
    ['/api/v0/subaccounts', 'api.user.subaccounts', { users: [] }],
    ['/api/v0/users/me/ipaddrs', 'api.user.ipaddrs', { results: [] }],
  ]),
];

function emptyLists(lists: readonly (readonly [string, string, Record<string, unknown>])[]): Route[] {
  return lists.map(([path, scope, body]) => ({
    method: 'GET',
    path,
    call: null,
    limit: null,
    scope,
    handle: () => success(body),
  }));
}

function listVolumes({ world, account }: Exchange): Answer {
  const volumes = world.volumes.ofAccount(account.id).map((volume) => ({
    id: volume.id,
    machine_id: volume.machineId,
    label: volume.name,
    name: `V.${volume.id}`,
    disk_space: volume.sizeGb,
    storage_cost: volume.usdPerGbMonth,
    storage_total_cost: rounded((volume.sizeGb * volume.usdPerGbMonth) / 720, 6),
    status: 'created',
    volume_type: 'local_volume',
    start_date: volume.createdAt,
    end_date: null,
    instances: [],
    instances_full: [],
  }));
  return ok({ success: true, volumes });
}

function volumeOffers({ world }: Exchange): Answer {
  const machines = [...world.market.machines.values()].filter(({ diskGb }) => diskGb > 100).slice(0, 64);
  return ok({ offers: machines.map(volumeOffer) });
}

function volumeOffer(machine: Machine) {
  return {
    id: volumeOfferId(machine.id),
    machine_id: machine.id,
    host_id: machine.hostId,
    disk_space: machine.diskGb,
    disk_bw: machine.diskMbPerSecond,
    storage_cost: machine.storageUsdPerGbMonth,
    geolocation: machine.region,
    reliability: machine.reliability,
    verification: machine.isVerified ? 'verified' : 'unverified',
  };
}

function createVolume({ world, account, body }: Exchange): Answer {
  const machine = findVolumeMachine(world.market, Number(body.id));
  const size = Number(body.size);
  if (machine === null) return refusal(404, 'no_such_ask', 'no_such_ask Volume offer is not available.');
  if (!(size >= 1 && size <= machine.diskGb)) return refusal(400, 'invalid_args', 'size is out of range');
  const volume = world.volumes.create({
    accountId: account.id,
    machineId: machine.id,
    sizeGb: size,
    usdPerGbMonth: machine.storageUsdPerGbMonth,
    name: typeof body.name === 'string' ? body.name : null,
    createdAt: world.now(),
  });
  world.changed();
  return success({ volume_name: `V.${volume.id}`, volume_id: volume.id });
}

function deleteVolume({ world, account, query, body }: Exchange): Answer {
  const id = Number(query.get('id') ?? body.id ?? Number.NaN);
  if (Number.isNaN(id)) return refusal(400, 'invalid_args', 'id is required');
  const volume = world.volumes.find(account.id, id);
  if (volume === null) return refusal(404, 'no_such_volume', `Volume ${id} not found.`);
  volume.deletedAt = world.now();
  world.changed();
  return success();
}

import { z } from 'zod';
import { totalUsd } from '../books.ts';
import { type Contract, stateOf } from '../contract.ts';
import { FaultRequest } from '../faults.ts';
import { readRights } from '../keys.ts';
import { rounded } from '../machine.ts';
import { expectWorker, serverlessRecords, WorkerRequest } from '../serverless/inspection.ts';
import { TriggerRequest } from '../triggers.ts';
import type { World } from '../world.ts';
import type { Answer } from './exchange.ts';

/** The control calls under `/_sim/`: what happened, and what shall go wrong. */
export type Control = {
  readonly world: World;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly reset: () => Promise<void>;
};

export async function controlAnswer(control: Control): Promise<Answer> {
  const { world, query, body, reset } = control;
  switch (`${control.method} ${control.path}`) {
    case 'GET /_sim/health':
      return ok(health(world));
    case 'GET /_sim/contracts':
      return ok({ now: world.now(), contracts: contractRecords(world) });
    case 'GET /_sim/requests':
      return ok({ now: world.now(), requests: world.requests.after(Number(query.get('after') ?? 0)) });
    case 'GET /_sim/serverless':
      return ok(serverlessRecords(world));
    case 'POST /_sim/serverless/workers':
      return withBody(WorkerRequest, body, (order) => ({ environment: expectWorker(world, order) }));
    case 'GET /_sim/machines':
      return ok({ now: world.now(), machines: machineRecords(world) });
    case 'POST /_sim/reset':
      await reset();
      return ok({ ok: true });
    case 'GET /_sim/faults':
      return ok({ faults: world.faults.list() });
    case 'POST /_sim/faults':
      return withBody(FaultRequest, body, ({ clear, add }) => {
        if (clear) world.faults.clear();
        world.faults.add(add ?? []);
        return { faults: world.faults.list() };
      });
    case 'GET /_sim/triggers':
      return ok({ triggers: world.triggers.list() });
    case 'POST /_sim/triggers':
      return withBody(TriggerRequest, body, (trigger) => {
        world.triggers.add(trigger);
        return { triggers: world.triggers.list() };
      });
    case 'DELETE /_sim/triggers':
      world.triggers.clear();
      return ok({ triggers: [] });
    case 'GET /_sim/rates':
      return ok({ scale: world.rates.scale });
    case 'POST /_sim/rates':
      return withBody(z.strictObject({ scale: z.number().min(0) }), body, ({ scale }) => {
        world.rates.scale = scale;
        return { scale };
      });
    case 'POST /_sim/credit':
      return withBody(
        z.strictObject({ key: z.string().min(1).optional(), usd: z.number() }),
        body,
        (credit) => world.setCredit(credit.usd, credit.key),
      );
    case 'POST /_sim/keys':
      return withBody(
        z.strictObject({
          name: z.string().optional(),
          permissions: z.unknown().refine((value) => readRights(value) !== null, 'an object of objects'),
        }),
        body,
        ({ name, permissions }) => {
          const { id, secret } = world.makeKey(permissions, name);
          return { id, key: secret };
        },
      );
    default:
      return { status: 404, body: { error: `there is no ${control.method} ${control.path}` } };
  }
}

/** Every contract ever, as the provider's own books have it. Epoch seconds; null where it has not happened. */
export function contractRecords(world: World) {
  const now = world.now();
  return world.contracts.all().map((contract) => {
    world.cashier.settle(contract, now);
    return contractRecord(contract, now);
  });
}

export type ContractRecord = ReturnType<typeof contractRecord>;

function contractRecord(contract: Contract, now: number) {
  const { meter } = contract;
  return {
    id: contract.id,
    account: contract.accountId,
    label: contract.label,
    machine_id: contract.machineId,
    offer_id: contract.offerId,
    requested_at: contract.requestedAt,
    reply: contract.reply,
    created_at: contract.createdAt,
    listed_at: contract.listedAt !== null && contract.listedAt <= now ? contract.listedAt : null,
    running_at: contract.runningAt,
    destroy_requested_at: contract.destroyRequestedAt,
    destroy_accepted_at: contract.destroyAcceptedAt,
    destroyed_at: contract.destroyedAt,
    billed_until: contract.billedUntil,
    destroyed_by: contract.destroyedBy,
    state: stateOf(contract),
    is_bid: contract.bid !== null,
    usd: {
      gpu: rounded(meter.gpuUsd, 9),
      disk: rounded(meter.diskUsd, 9),
      bandwidth: rounded(meter.downUsd + meter.upUsd, 9),
      total: rounded(totalUsd(meter), 9),
    },
  };
}

function health(world: World) {
  const { seed, profile, timeScale, machines, backend } = world.settings;
  return {
    ok: true,
    now: world.now(),
    seed,
    profile,
    time_scale: timeScale,
    rate_scale: world.rates.scale,
    machines,
    backend: backend.name,
    contracts_alive: world.contracts.alive().length,
  };
}

function machineRecords(world: World) {
  return [...world.market.machines.values()].map((machine) => ({
    machine_id: machine.id,
    host_id: machine.hostId,
    gpu_name: machine.gpu.name,
    gpu_ram: machine.gpu.ramMib,
    num_gpus: machine.gpuCount,
    verified: machine.isVerified,
    reliability: machine.reliability,
    geolocation: machine.region,
    offers: [...world.market.slices.values()]
      .filter(({ machineId }) => machineId === machine.id)
      .map((slice) => ({
        offer_id: slice.offerId,
        num_gpus: slice.gpuCount,
        usd_per_hour: rounded(slice.usdPerGpuHour * slice.gpuCount, 6),
        contract_id: slice.contractId,
        listed: slice.awayUntil === null,
      })),
  }));
}

function withBody<Body>(schema: z.ZodType<Body>, body: unknown, act: (body: Body) => unknown): Answer {
  const parsed = schema.safeParse(body ?? {});
  if (parsed.success) return ok(act(parsed.data));
  const problems = parsed.error.issues.map(({ path, message }) => ({ field: path.join('.'), message }));
  const detail = problems
    .map(({ field, message }) => `${field === '' ? 'body' : field}: ${message}`)
    .join('; ');
  return { status: 400, body: { error: detail, problems } };
}

function ok(body: unknown): Answer {
  return { status: 200, body };
}

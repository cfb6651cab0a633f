import { z } from 'zod';
import type { World } from '../world.ts';
import { statusOf } from './serverless.ts';
import type { Report, Worker } from './workers.ts';

/** All that the engine knows, for tests and people: `GET /_sim/serverless`. No keys and no tokens. */
export function serverlessRecords(world: World) {
  const { serverless } = world;
  return {
    now: world.now(),
    endpoints: serverless.endpoints.all().map(({ id, accountId, settings }) => ({
      id,
      account: accountId,
      ...settings,
    })),
    workergroups: serverless.groups.all().map(({ id, endpointId, settings }) => ({
      id,
      endpoint_id: endpointId,
      template_hash: settings.templateHash,
    })),
    workers: serverless.workers.all().map((worker) => workerRecord(world, worker)),
    ledger: serverless.ledger.all(),
    retired: serverless.ledger.retired(),
  };
}

export type ServerlessRecords = ReturnType<typeof serverlessRecords>;

function workerRecord(world: World, worker: Worker) {
  const { serverless, scaling } = world;
  const { token: _, report, ...known } = worker;
  return {
    ...known,
    status: statusOf(worker, scaling.contractOf(worker), serverless.isSilent(worker)),
    expected_wait_seconds: serverless.waitSeconds(worker),
    last_report: report === null ? null : withoutToken(report),
  };
}

function withoutToken({ mtoken: _, ...rest }: Report): Omit<Report, 'mtoken'> {
  return rest;
}

/** A worker that somebody runs beside the market, for a workergroup of it. */
export const WorkerRequest = z.strictObject({
  workergroup_id: z.number().int(),
  id: z.number().int().positive().optional(),
});

/** The environment that such a worker has to be started with; the ports are its own affair. */
export function expectWorker(world: World, order: z.infer<typeof WorkerRequest>) {
  const { serverless } = world;
  const { workergroup_id: groupId, id = FIRST_OUTSIDE_ID + serverless.workers.all().length } = order;
  if (serverless.groups.get(groupId) === null) throw new RangeError(`there is no workergroup ${groupId}`);
  const worker = serverless.workers.expect({ id, groupId, isRented: false, now: world.now() });
  world.changed();
  return {
    CONTAINER_ID: String(worker.id),
    MASTER_TOKEN: worker.token,
    REPORT_ADDR: world.url(),
    PUBLIC_IPADDR: '127.0.0.1',
  };
}

const FIRST_OUTSIDE_ID = 900_001;

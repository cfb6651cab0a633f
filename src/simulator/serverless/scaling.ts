import { rentOffer } from '../api/create.ts';
import { searchOffers } from '../api/search.ts';
import type { Contract } from '../contract.ts';
import { QueryError } from '../query.ts';
import type { World } from '../world.ts';
import type { Endpoint } from './endpoints.ts';
import { parseSearchParams } from './search-params.ts';
import { orderOf, type Template } from './templates.ts';
import type { Workergroup } from './workergroups.ts';
import { newToken, type Worker } from './workers.ts';

/**
 * Rents the workers that endpoints want from the market itself, and gives back those that are too many or no good.
 *
 * Unlike the real engine it keeps no stopped workers in reserve: each that it keeps runs, and so bills. `cold_mult`
 * has nothing to do here.
 */
export class Scaling {
  readonly #world: World;
  /** Where workers report to: the simulator's own address. */
  readonly #engineUrl: () => string;
  readonly #failures = new Map<number, { count: number; retryAt: number }>();

  constructor(world: World, engineUrl: () => string) {
    this.#world = world;
    this.#engineUrl = engineUrl;
  }

  tick(): void {
    const { serverless } = this.#world;
    serverless.ledger.expire(this.#world.now());
    for (const worker of serverless.workers.all()) this.#look(worker);
    for (const endpoint of serverless.endpoints.all()) this.#scale(endpoint);
  }

  /** The contract behind a worker; null where it was not rented here, or is gone. */
  contractOf({ id, isRented }: Worker): Contract | null {
    const contract = isRented ? this.#world.contracts.find(id) : null;
    return contract === null || contract.destroyedAt !== null ? null : contract;
  }

  /** Of the "destroyed" state: the endpoint's workers go with it. */
  deleteEndpoint(endpoint: Endpoint): void {
    const { serverless } = this.#world;
    for (const worker of serverless.workersOf(endpoint)) this.#giveBack(worker, 'its endpoint was deleted');
    serverless.forgetEndpoint(endpoint);
  }

  /** Gives back all that are rented for a group, for others to take their place. How many there were. */
  replaceWorkers(group: Workergroup): number {
    const rented = this.#world.serverless.workers.ofGroup(group.id).filter(({ isRented }) => isRented);
    for (const worker of rented) this.#giveBack(worker, 'its workergroup is updated');
    return rented.length;
  }

  #look(worker: Worker): void {
    const { serverless } = this.#world;
    const contract = this.contractOf(worker);
    if (worker.isRented && (contract === null || contract.destroyAcceptedAt !== null)) {
      serverless.dismiss(worker, 'its instance was destroyed');
      return;
    }
    const trouble = this.#troubleOf(worker, contract);
    if (trouble !== null) this.#giveUp(worker, trouble);
    else if (contract !== null && contract.actual !== 'running') {
      // What was reported before a stop no longer holds.
      worker.report = null;
      worker.reportedAt = null;
    } else if (serverless.isReady(worker)) this.#failures.delete(worker.groupId);
  }

  /** Why a worker is no good, if so. One that somebody runs beside the market may take its time, but must report. */
  #troubleOf(worker: Worker, contract: Contract | null): string | null {
    const { serverless } = this.#world;
    const { silentSeconds, erroredSeconds, loadingSeconds } = serverless.patience;
    const now = this.#world.now();
    if (contract?.actual === 'exited' && contract.intended === 'running') return 'its container ended';
    if (contract !== null && contract.actual !== 'running') return null;
    if (serverless.isSilent(worker)) return `no report for ${silentSeconds} s`;
    if (contract === null) return null;
    if (isOver(worker.erroredSince, erroredSeconds, now)) return `errored: ${worker.report?.error_msg}`;
    const isLate = worker.loadedAt === null && isOver(worker.startedAt, loadingSeconds, now);
    return isLate ? `not ready after ${loadingSeconds} s` : null;
  }

  #scale(endpoint: Endpoint): void {
    const { endpoint_state: state } = endpoint.settings;
    const workers = this.#world.serverless.workersOf(endpoint);
    if (state !== 'suspended') this.#startOrStop(workers, state === 'active');
    if (state !== 'active') return;
    const wanted = this.#wanted(endpoint, workers);
    if (workers.length < wanted) this.#rentOne(endpoint);
    else if (workers.length > wanted) this.#giveBackIdle(endpoint, workers, workers.length - wanted);
  }

  #wanted(endpoint: Endpoint, workers: readonly Worker[]): number {
    const { serverless } = this.#world;
    const { min_load, target_util, cold_workers, max_workers, target_queue_time } = endpoint.settings;
    const ready = workers.filter((worker) => serverless.isReady(worker));
    const demand = serverless.demand.loadPerSecond(endpoint.id, this.#world.now());
    const load = Math.max(min_load, demand / target_util);
    const perf = ready.reduce((sum, { report }) => sum + (report?.max_perf ?? 0), 0) / ready.length;
    // How much a worker does is known from the first that is ready.
    const forLoad = load === 0 ? 0 : perf > 0 ? Math.ceil(load / perf) : 1;
    const limitSeconds = target_queue_time ?? TARGET_QUEUE_SECONDS;
    const isBehind =
      serverless.ledger.waiting(endpoint.id).length > 0 ||
      (ready.length > 0 && ready.every((worker) => serverless.waitSeconds(worker) > limitSeconds));
    const forQueue = isBehind ? ready.length + 1 : 0;
    return Math.min(max_workers, Math.max(cold_workers, forLoad, forQueue));
  }

  #startOrStop(workers: readonly Worker[], isActive: boolean): void {
    for (const worker of workers) {
      const contract = this.contractOf(worker);
      if (contract === null) continue;
      if (isActive && contract.intended === 'stopped') this.#world.life.start(contract);
      if (!isActive && contract.intended === 'running') this.#world.life.stop(contract);
    }
  }

  /** One at each tick. */
  #rentOne(endpoint: Endpoint): void {
    const now = this.#world.now();
    const groups = this.#world.serverless.groups.ofEndpoint(endpoint.id);
    const group = groups.find(({ id }) => now >= (this.#failures.get(id)?.retryAt ?? 0));
    if (group === undefined) return;
    const rented = this.#rentFor(group);
    if (typeof rented === 'number') {
      this.#world.serverless.logs.write(endpoint.id, 'info0', `worker ${rented} rented for ${group.id}`);
      this.#world.changed();
      return;
    }
    this.#noteFailure(group.id);
    this.#world.serverless.logs.write(endpoint.id, 'info0', `workergroup ${group.id}: ${rented}`);
  }

  /** The new instance's id, or why there is none. */
  #rentFor(group: Workergroup): number | string {
    const { serverless, accounts } = this.#world;
    const template = serverless.templates.find(group.accountId, { hash: group.settings.templateHash });
    if (template === null) return `there is no template ${group.settings.templateHash}`;
    const account = accounts.getById(group.accountId);
    const token = newToken();
    const order = orderOf(template);
    const given = `-e REPORT_ADDR=${this.#engineUrl()} -e MASTER_TOKEN=${token}`;
    const body = { ...order, env: `${order.env} ${given}` };
    try {
      const [offer] = searchOffers(this.#world, queryOf(group, template, body.disk));
      if (offer === undefined) return 'no offer meets its search';
      const now = this.#world.now();
      const call = { world: this.#world, account, body, arrivedAt: now, changes: [] };
      const { body: answer, created } = rentOffer(call, Number(offer.id));
      if (created === undefined) return `cannot rent: ${(answer as { msg?: string }).msg}`;
      serverless.workers.expect({ id: created.id, groupId: group.id, isRented: true, now, token });
      return created.id;
    } catch (error) {
      if (error instanceof QueryError) return error.message;
      throw error;
    }
  }

  #giveBackIdle(endpoint: Endpoint, workers: readonly Worker[], count: number): void {
    const { inactivity_timeout } = endpoint.settings;
    if (inactivity_timeout !== null && inactivity_timeout < 0) return;
    const seconds = Math.max(this.#world.serverless.patience.idleSeconds, inactivity_timeout ?? 0);
    const now = this.#world.now();
    const idle = workers
      .filter(({ isRented }) => isRented)
      // One that has not reported yet has done nothing since it was rented.
      .filter((worker) => isOver(worker.report === null ? worker.startedAt : worker.idleSince, seconds, now))
      .sort((a, b) => b.startedAt - a.startedAt);
    for (const worker of idle.slice(0, count)) this.#giveBack(worker, 'no longer needed');
  }

  #giveUp(worker: Worker, why: string): void {
    this.#noteFailure(worker.groupId);
    this.#giveBack(worker, why);
  }

  /** One that somebody runs beside the market is only forgotten. */
  #giveBack(worker: Worker, why: string): void {
    const contract = this.contractOf(worker);
    this.#world.serverless.dismiss(worker, why);
    if (contract === null) return;
    contract.destroyRequestedAt ??= this.#world.now();
    this.#world.life.destroy(contract, 'account', null);
    this.#world.changed();
  }

  /** Each failure in a row doubles the wait: a template that cannot work must not rent machine after machine. */
  #noteFailure(groupId: number): void {
    const { retrySeconds } = this.#world.serverless.patience;
    const count = (this.#failures.get(groupId)?.count ?? 0) + 1;
    const waitSeconds = Math.min(retrySeconds * 2 ** (count - 1), RETRY_SECONDS_MAX);
    this.#failures.set(groupId, { count, retryAt: this.#world.now() + waitSeconds });
  }
}

const TARGET_QUEUE_SECONDS = 10;
const RETRY_SECONDS_MAX = 300;

function isOver(since: number | null, seconds: number, now: number): boolean {
  return since !== null && now - since > seconds;
}

/** Cheapest first. What the group says goes over what its template says. */
function queryOf({ settings }: Workergroup, { fields }: Template, diskGb: number): Record<string, unknown> {
  const gpuRam = settings.gpuRamGb === null ? {} : { gpu_total_ram: { gte: settings.gpuRamGb * 1000 } };
  return {
    rentable: { eq: true },
    rented: { eq: false },
    ...gpuRam,
    ...fields.extra_filters,
    ...parseSearchParams(settings.searchParams),
    order: [['dph_total', 'asc']],
    allocated_storage: diskGb,
    limit: 1,
  };
}

import { randomUUID } from 'node:crypto';
import type { Contract } from '../contract.ts';
import { type AuthorityState, CertificateAuthority } from './authority.ts';
import { Demand } from './demand.ts';
import { type Endpoint, Endpoints } from './endpoints.ts';
import { EngineLogs } from './engine-logs.ts';
import { Ledger } from './ledger.ts';
import { Signer } from './signing.ts';
import { type Template, Templates } from './templates.ts';
import { type Workergroup, Workergroups } from './workergroups.ts';
import { type Report, stateOfReport, type Worker, type WorkerRecord, Workers } from './workers.ts';

/** What outlives a restart. The ledger does not: callers ask again. */
export type ServerlessState = {
  readonly templates: readonly Template[];
  readonly endpoints: readonly Endpoint[];
  readonly groups: readonly Workergroup[];
  readonly workers: readonly WorkerRecord[];
  readonly privateKeyPem: string | null;
  readonly authority: AuthorityState | null;
};

/** How long the engine bears with a worker before it gives it up, wall-clock seconds. */
export type Patience = {
  readonly silentSeconds: number;
  readonly erroredSeconds: number;
  /** From its rent to ready. */
  readonly loadingSeconds: number;
  /** Without work, before one too many is given back. */
  readonly idleSeconds: number;
  /** After a first failure, before another is rented; doubled with each in a row. */
  readonly retrySeconds: number;
};

export const PATIENCE: Patience = {
  silentSeconds: 30,
  erroredSeconds: 20,
  // What users of the real one report.
  loadingSeconds: 790,
  idleSeconds: 60,
  retrySeconds: 2,
};

export type RouteOrder = { readonly cost: number; readonly idx: number; readonly replaySeconds: number };

/**
 * The serverless side of the market: templates, endpoints and workergroups, and the engine that sends requests to
 * the workers. Who is rented for them is `Scaling`'s matter.
 *
 * 1. Only a worker that is ready, reports, and has no error is routed to.
 * 2. A worker belongs to one workergroup, and shows by its token that it is the one that was expected.
 */
export class Serverless {
  readonly templates: Templates;
  readonly endpoints: Endpoints;
  readonly groups: Workergroups;
  readonly workers: Workers;
  readonly signer: Signer;
  readonly authority: CertificateAuthority;
  readonly ledger = new Ledger();
  readonly demand = new Demand();
  readonly logs: EngineLogs;
  readonly patience: Patience;
  readonly #clock: () => number;

  constructor(given: {
    clock: () => number;
    patience?: Partial<Patience> | undefined;
    state?: ServerlessState | undefined;
  }) {
    const { clock, patience, state } = given;
    this.#clock = clock;
    this.patience = { ...PATIENCE, ...patience };
    this.templates = new Templates(state?.templates);
    this.endpoints = new Endpoints(state?.endpoints);
    this.groups = new Workergroups(state?.groups);
    this.workers = new Workers(state?.workers);
    this.signer = new Signer(state?.privateKeyPem);
    this.authority = new CertificateAuthority(state?.authority);
    this.logs = new EngineLogs(clock);
  }

  state(): ServerlessState {
    return {
      templates: this.templates.all(),
      endpoints: this.endpoints.all(),
      groups: this.groups.all(),
      workers: this.workers.records(),
      privateKeyPem: this.signer.privateKeyPem(),
      authority: this.authority.state(),
    };
  }

  /** Sends a request to the worker that will be through with it first, or keeps it waiting. */
  route(endpoint: Endpoint, { cost, idx, replaySeconds }: RouteOrder) {
    const now = this.#clock();
    const { endpoint_name: name } = endpoint.settings;
    const entry = this.ledger.open({ idx, endpointId: endpoint.id, cost, replaySeconds, now });
    if (entry.idx !== idx) this.demand.note(endpoint.id, cost, now);
    const worker = this.#pick(endpoint);
    if (worker?.report == null) {
      entry.workerId = null;
      const status = this.#statusText(endpoint);
      return { endpoint: name, request_idx: entry.idx, status, __request_id: randomUUID() };
    }
    worker.reqnum += 1;
    this.ledger.route(entry, { workerId: worker.id, reqnum: worker.reqnum, now });
    const { url } = worker.report;
    return {
      endpoint: name,
      url,
      cost,
      reqnum: worker.reqnum,
      request_idx: entry.idx,
      signature: this.signer.signUrl(url),
      __request_id: randomUUID(),
    };
  }

  note(worker: Worker, report: Report): void {
    const now = this.#clock();
    const isNew = this.workers.note(worker, report, now);
    this.ledger.noteInHand(worker.id, report.working_request_idxs, now);
    if (!isNew) return;
    const says = report.error_msg ? `: ${report.error_msg}` : '';
    this.log(worker, 'info0', `worker ${worker.id} reports ${stateOfReport(report)}${says}`);
  }

  /** What is expected of it before it could begin with anything more, seconds. */
  waitSeconds(worker: Worker): number {
    const onTheWay = this.ledger.ofWorker(worker.id).filter(({ wasSeen }) => !wasSeen);
    const load = (worker.report?.cur_load ?? 0) + onTheWay.reduce((sum, { cost }) => sum + cost, 0);
    return load === 0 ? 0 : load / Math.max(worker.report?.max_perf ?? 0, LEAST_PERF);
  }

  isReady(worker: Worker): boolean {
    return worker.report !== null && stateOfReport(worker.report) === 'idle' && !this.isSilent(worker);
  }

  isSilent({ reportedAt }: Worker): boolean {
    return reportedAt !== null && this.#clock() - reportedAt > this.patience.silentSeconds;
  }

  workersOf(endpoint: Endpoint): Worker[] {
    return this.groups.ofEndpoint(endpoint.id).flatMap(({ id }) => this.workers.ofGroup(id));
  }

  endpointOf(worker: Worker): Endpoint | null {
    const group = this.groups.get(worker.groupId);
    return group === null ? null : this.endpoints.get(group.endpointId);
  }

  /** It is no worker any more; what it had in hand is sent elsewhere when the caller asks again. */
  dismiss(worker: Worker, why: string): void {
    this.log(worker, 'info0', `worker ${worker.id} left: ${why}`);
    this.ledger.retireWorker(worker.id, this.#clock());
    this.workers.remove(worker);
  }

  deleteGroup(group: Workergroup): void {
    for (const worker of this.workers.ofGroup(group.id)) this.dismiss(worker, 'its workergroup was deleted');
    this.groups.delete(group);
  }

  forgetEndpoint(endpoint: Endpoint): void {
    for (const group of this.groups.ofEndpoint(endpoint.id)) this.deleteGroup(group);
    this.endpoints.delete(endpoint);
    this.demand.forget(endpoint.id);
    this.logs.forget(endpoint.id);
  }

  log(worker: Worker, level: 'info0' | 'info1' | 'trace', text: string): void {
    const endpoint = this.endpointOf(worker);
    if (endpoint !== null) this.logs.write(endpoint.id, level, text);
  }

  #pick(endpoint: Endpoint): Worker | null {
    if (endpoint.settings.endpoint_state === 'stopped') return null;
    const limit = endpoint.settings.max_queue_time ?? MAX_QUEUE_SECONDS;
    const [best] = this.workersOf(endpoint)
      .filter((worker) => this.isReady(worker))
      .map((worker) => ({ worker, waitSeconds: this.waitSeconds(worker) }))
      .filter(({ waitSeconds }) => waitSeconds <= limit)
      .sort((a, b) => a.waitSeconds - b.waitSeconds || a.worker.reqnum - b.worker.reqnum);
    return best?.worker ?? null;
  }

  /** For people: callers go by whether there is a url. */
  #statusText(endpoint: Endpoint): string {
    const workers = this.workersOf(endpoint);
    const ready = workers.filter((worker) => this.isReady(worker)).length;
    const errored = workers.filter(({ erroredSince }) => erroredSince !== null).length;
    return `total workers: ${workers.length}, ready: ${ready}, error: ${errored}, loading: ${workers.length - ready - errored}`;
  }
}

/** As the official worker reckons before its benchmark. */
const LEAST_PERF = 0.00001;
const MAX_QUEUE_SECONDS = 30;

/** A worker's state in the engine's words; `contract` is what it was rented as. */
export function statusOf(worker: Worker, contract: Contract | null, isSilent: boolean): string {
  const ofContract = contract === null ? null : statusOfContract(contract);
  if (ofContract !== null) return ofContract;
  if (worker.report === null) return 'loading';
  return isSilent ? 'error' : stateOfReport(worker.report);
}

/** Null while its container runs: then its reports tell. */
function statusOfContract({ actual, destroyAcceptedAt, intended }: Contract): string | null {
  if (destroyAcceptedAt !== null) return 'destroying';
  switch (actual) {
    case 'running':
      return intended === 'stopped' ? 'stopping' : null;
    case null:
      return 'creating';
    case 'loading':
    case 'created':
      return actual;
    case 'rebooting':
    case 'recycling':
      return 'rebooting';
    case 'offline':
      return 'error';
    default:
      return 'stopped';
  }
}

import { randomBytes } from 'node:crypto';
import { z } from 'zod';

const figure = z.number().default(0);

/** A status report. The start script sends a reduced one when it fails: who it is, and what went wrong. */
export const Report = z.looseObject({
  id: z.number().int(),
  mtoken: z.string(),
  version: z.string().optional(),
  url: z.string().default(''),
  error_msg: z.string().nullish(),
  loadtime: figure,
  cur_load: figure,
  new_load: figure,
  rej_load: figure,
  cur_perf: figure,
  max_perf: figure,
  num_requests_working: figure,
  // Spelled so on the wire.
  num_requests_recieved: figure,
  disk_usage: figure,
  additional_disk_usage: figure,
  working_request_idxs: z.array(z.number().int()).default([]),
});
export type Report = z.infer<typeof Report>;

/** Who a worker is: what must outlive a restart of the engine. */
export type WorkerRecord = {
  readonly id: number;
  readonly groupId: number;
  /** In its reports, to show that it is who it says. */
  readonly token: string;
  /** False for one that somebody runs beside the market, who is not the engine's to end. */
  readonly isRented: boolean;
  readonly startedAt: number;
};

export type Worker = WorkerRecord & {
  report: Report | null;
  reportedAt: number | null;
  reports: number;
  loadedAt: number | null;
  /** Counts the requests that were sent there. */
  reqnum: number;
  /** Of its reports, the older the less. */
  loadAverage: number;
  idleSince: number | null;
  erroredSince: number | null;
};

/** Those that are at work for some workergroup. */
export class Workers {
  readonly #byId = new Map<number, Worker>();

  constructor(records: readonly WorkerRecord[] = []) {
    for (const record of records) this.#keep(record);
  }

  records(): WorkerRecord[] {
    return this.all().map(({ id, groupId, token, isRented, startedAt }) => ({
      id,
      groupId,
      token,
      isRented,
      startedAt,
    }));
  }

  all(): Worker[] {
    return [...this.#byId.values()];
  }

  ofGroup(groupId: number): Worker[] {
    return this.all().filter((worker) => worker.groupId === groupId);
  }

  find(id: number, token: string): Worker | null {
    const worker = this.#byId.get(id);
    return worker?.token === token ? worker : null;
  }

  /** A new one, expected to report; its token is made here. */
  expect(order: { id: number; groupId: number; isRented: boolean; now: number; token?: string }): Worker {
    const { id, groupId, isRented, now: startedAt, token = newToken() } = order;
    return this.#keep({ id, groupId, token, isRented, startedAt });
  }

  /** Takes in a report. False where it is the same state as before, so that only news are logged. */
  note(worker: Worker, report: Report, now: number): boolean {
    const before = worker.report;
    worker.report = report;
    worker.reportedAt = now;
    worker.reports += 1;
    worker.loadAverage += (report.cur_load - worker.loadAverage) / AVERAGED_REPORTS;
    if (report.loadtime > 0) worker.loadedAt ??= now;
    worker.erroredSince = report.error_msg ? (worker.erroredSince ?? now) : null;
    const isIdle = report.working_request_idxs.length === 0 && report.cur_load === 0;
    worker.idleSince = isIdle ? (worker.idleSince ?? now) : null;
    return before === null || stateOfReport(before) !== stateOfReport(report);
  }

  remove(worker: Worker): void {
    this.#byId.delete(worker.id);
  }

  #keep(record: WorkerRecord): Worker {
    const worker: Worker = {
      ...record,
      report: null,
      reportedAt: null,
      reports: 0,
      loadedAt: null,
      reqnum: 0,
      loadAverage: 0,
      idleSince: null,
      erroredSince: null,
    };
    this.#byId.set(record.id, worker);
    return worker;
  }
}

const AVERAGED_REPORTS = 10;

export function newToken(): string {
  return randomBytes(24).toString('hex');
}

/** What a report says of its sender. */
export function stateOfReport(report: Report): 'error' | 'idle' | 'model_loading' {
  if (report.error_msg) return 'error';
  return report.loadtime > 0 ? 'idle' : 'model_loading';
}

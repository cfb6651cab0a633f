import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const MOMENTS = ['before', 'after', 'replied'] as const;
export type Moment = (typeof MOMENTS)[number];

/** A moment of a provider call at which the worker is killed. */
export type CrashPoint = { readonly call: string; readonly moment: Moment };

/** Methods of the product's client of the market, and the kind of call each makes there. */
const CALL_OF: Readonly<Record<string, string>> = {
  searchOffers: 'search',
  createInstance: 'create',
  listInstances: 'list',
  showInstance: 'show',
  destroyInstance: 'destroy',
  destroyInstances: 'destroy',
  labelInstance: 'label',
  startInstance: 'start',
  stopInstance: 'stop',
  readLogs: 'logs',
  currentUser: 'user',
  listCharges: 'charges',
  listInvoices: 'invoices',
  listVolumes: 'volumes',
};

/**
 * Every kind of provider call that a worker of this product makes, at each of its moments.
 *
 * Read from the sources, so that a call that is added is killed at from that day on.
 */
export function crashPointsOf(product: string): CrashPoint[] {
  const calls = new Set<string>();
  for (const file of workerSources(product)) {
    for (const [, method = ''] of readFileSync(file, 'utf8').matchAll(/\bvast\s*\.\s*(\w+)\(/g)) {
      const call = CALL_OF[method];
      if (call !== undefined) calls.add(call);
      else if (method !== 'close')
        throw new Error(`${file} calls ${method}, which the campaign does not know.`);
    }
  }
  return [...calls].sort().flatMap((call) => MOMENTS.map((moment) => ({ call, moment })));
}

export function nameOf({ call, moment }: CrashPoint): string {
  return `${call} ${moment}`;
}

/** What runs in a worker, but for the client itself. */
function workerSources(product: string): string[] {
  const activities = join(product, 'src/activities');
  return [
    ...readdirSync(activities)
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(activities, name)),
    join(product, 'src/worker.ts'),
    join(product, 'src/ledger-opening.ts'),
  ];
}

import type { Endpoint, ServerlessWorker } from '../../vast/serverless.ts';
import { lookNow, printJson, printLines } from '../call-options.ts';
import { CommandError, EXIT } from '../exit-code.ts';
import { table } from '../layout.ts';
import { plural } from '../text.ts';
import { findEndpoint } from './found.ts';
import { withMarket } from './market.ts';

const LOG_LINES = 8;

/** The workers of an endpoint, as the engine has them, and what it did last. */
export async function status(name: string, isJson: boolean): Promise<number> {
  return withMarket(process.env, 'Try again in a moment.', async (market) => {
    const endpoint = await findEndpoint(market, name);
    if (endpoint === null)
      throw new CommandError(
        EXIT.refused,
        `There is no endpoint ${name} at ${market.apiUrl}: \`leash pyworker deploy FILE\` makes one.`,
      );
    const workers = await market.serverless.listWorkers(endpoint.endpointId);
    const log = await market.serverless.readEngineLog(endpoint.endpointId, LOG_LINES);
    if (isJson)
      printJson({ endpoint_id: endpoint.endpointId, state: endpoint.state, workers: rows(workers) });
    else printLines(statusLines(endpoint, workers, log));
    return EXIT.done;
  });
}

function rows(workers: readonly ServerlessWorker[]) {
  return workers.map(({ workerId, state, gpuName, loadsPerSecond, load, requests, error }) => ({
    id: workerId,
    state,
    gpu: gpuName,
    loads_per_second: loadsPerSecond,
    load,
    requests,
    error,
  }));
}

function statusLines(endpoint: Endpoint, workers: readonly ServerlessWorker[], log: string): string[] {
  const ready = workers.filter(({ state }) => state === 'idle').length;
  const head = `${endpoint.name} (endpoint ${endpoint.endpointId}) is ${endpoint.state}: ${plural(workers.length, 'worker')} of at most ${endpoint.maxWorkers}, ${ready} ready.`;
  return [head, '', ...(workers.length === 0 ? [] : [...workerTable(workers), '']), ...logLines(log)];
}

function workerTable(workers: readonly ServerlessWorker[]): string[] {
  return table(
    [
      { title: 'worker', align: 'right' },
      { title: 'state' },
      { title: 'GPU', narrowest: 8, dropped: 4 },
      { title: 'loads/s', align: 'right', dropped: 1 },
      { title: 'load', align: 'right', dropped: 2 },
      { title: 'requests', align: 'right', dropped: 3 },
      { title: 'error', narrowest: 16 },
    ],
    workers.map(({ workerId, state, gpuName, loadsPerSecond, load, requests, error }) => [
      String(workerId),
      state === 'idle' ? 'idle (ready)' : state,
      gpuName ?? '-',
      figure(loadsPerSecond),
      figure(load),
      figure(requests),
      error ?? '',
    ]),
    lookNow().width,
  );
}

function figure(value: number | null): string {
  return value === null ? '-' : String(Math.round(value * 10) / 10);
}

function logLines(log: string): string[] {
  const lines = log.trim() === '' ? [] : log.trim().split('\n').slice(-LOG_LINES);
  return lines.length === 0 ? ['The engine has no log of it.'] : ['What the engine did last:', ...lines];
}

/** Our worker with the routes that the cases ask for; official_worker.py has the same. */
import { createVastWorker, type Payload, PayloadError } from '../../src/pyworker/index.ts';

const ODD_WORKLOADS: Record<string, unknown> = {
  nan: Number.NaN,
  infinite: Number.POSITIVE_INFINITY,
  negative: -5,
  text: 'many',
  none: null,
};

function workloadCalculator(payload: Payload): number {
  return Number(payload.workload ?? 100);
}

function oddWorkload({ kind }: Payload): number {
  if (kind === 'raises') throw new Error('no workload');
  // What a calculator gives that was written without types.
  return ODD_WORKLOADS[String(kind)] as number;
}

function requestParser(payload: Payload): Payload {
  if ('refuse' in payload) throw new PayloadError({ refuse: payload.refuse });
  if ('explode' in payload) throw new Error(String(payload.explode));
  return { wrapped: payload, workload: payload.workload ?? 100 };
}

await createVastWorker({
  host: '127.0.0.1',
  modelHealthcheckUrl: '/health',
  updateFile: process.env.UPDATE_FILE ?? '',
  maxSessions: 2,
  handlers: [
    {
      route: '/parallel',
      allowParallelRequests: true,
      maxQueueTime: null,
      workloadCalculator,
      benchmark: { dataset: [{ workload: 100 }], runs: 2, concurrency: 2 },
    },
    { route: '/limited', allowParallelRequests: true, maxQueueTime: 1, workloadCalculator },
    { route: '/serial', maxQueueTime: null, workloadCalculator },
    { route: '/serial-too', maxQueueTime: null, workloadCalculator },
    { route: '/serial-limited', maxQueueTime: 1, workloadCalculator },
    { route: '/parsed', allowParallelRequests: true, requestParser, workloadCalculator },
    { route: '/odd-workload', allowParallelRequests: true, workloadCalculator: oddWorkload },
    { route: '/no-workload', allowParallelRequests: true },
    {
      route: '/generated',
      allowParallelRequests: true,
      responseGenerator: (_request, answer) => {
        const model = answer.json() as Payload;
        if ('explode' in model) throw new Error(String(model.explode));
        return { status: 202, headers: { 'x-generated': 'yes' }, body: { status: answer.status, model } };
      },
    },
    {
      route: '/upload',
      allowParallelRequests: true,
      multipart: ({ text, note }) => ({
        file: { filename: 'note.txt', bytes: String(text), type: 'text/plain' },
        note: String(note),
        flag: true,
        tags: ['a', 'b'],
        none: null,
      }),
    },
  ],
  logActionConfig: { onLoad: ['model is up'], onError: ['model broke'], onInfo: ['loading'] },
}).run();

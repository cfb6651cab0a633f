/** Our worker with the routes that the cases ask for; official_worker.py has the same. */
import {
  createVastWorker,
  type GeneratedAnswer,
  type Payload,
  PayloadError,
} from '../../src/pyworker/index.ts';

const workload = ({ workload: load }: Payload) => (load === undefined ? 100 : (load as number));

const ODD_WORKLOADS: Record<string, unknown> = {
  nan: Number.NaN,
  infinite: Number.POSITIVE_INFINITY,
  negative: -5,
  text: 'many',
  none: null,
};

function oddWorkload({ kind }: Payload): number {
  if (kind === 'raises') throw new Error('no workload');
  return ODD_WORKLOADS[String(kind)] as number;
}

function parse(payload: Payload): Payload {
  if ('refuse' in payload) throw new PayloadError({ refuse: payload.refuse });
  if ('explode' in payload) throw new Error(String(payload.explode));
  return { wrapped: payload, workload: workload(payload) };
}

const inParallel = { allowParallelRequests: true } as const;

await createVastWorker({
  host: '127.0.0.1',
  modelHealthcheckUrl: '/health',
  maxSessions: 2,
  updateFile: process.env.UPDATE_FILE ?? '/.force_update',
  handlers: [
    {
      ...{ route: '/parallel', ...inParallel, maxQueueTime: null, workloadCalculator: workload },
      benchmark: { dataset: [{ workload: 100 }], runs: 2, concurrency: 2 },
    },
    { route: '/limited', ...inParallel, maxQueueTime: 1, workloadCalculator: workload },
    { route: '/serial', maxQueueTime: null, workloadCalculator: workload },
    { route: '/serial-too', maxQueueTime: null, workloadCalculator: workload },
    { route: '/serial-limited', maxQueueTime: 1, workloadCalculator: workload },
    { route: '/parsed', ...inParallel, requestParser: parse, workloadCalculator: workload },
    { route: '/odd-workload', ...inParallel, workloadCalculator: oddWorkload },
    { route: '/no-workload', ...inParallel },
    {
      ...{ route: '/generated', ...inParallel },
      responseGenerator: (_request, answer): GeneratedAnswer => {
        const model = answer.json() as Record<string, unknown>;
        if ('explode' in model) throw new Error(String(model.explode));
        return { status: 202, headers: { 'x-generated': 'yes' }, body: { status: answer.status, model } };
      },
    },
    {
      ...{ route: '/upload', ...inParallel },
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

import { createVastWorker, workloadForEmbeddings } from 'leash/pyworker';

/** Of a length that people search with; the benchmark counts texts in a second. */
const SENTENCES = [
  'How long does a rented GPU go on billing after it was destroyed?',
  'A request waits in the engine until a worker can begin with it.',
  'The report that a model is loaded goes out at once.',
  'Two sentences that mean the same lie close to each other.',
];

const worker = createVastWorker({
  // MODEL_SERVER_PORT and MODEL_LOG come from start.sh.
  modelServerUrl: 'http://127.0.0.1',
  modelHealthcheckUrl: '/health',
  handlers: [
    {
      route: '/embed',
      workloadCalculator: workloadForEmbeddings,
      allowParallelRequests: true,
      maxQueueTime: 30,
      benchmark: { generator: () => ({ inputs: SENTENCES, truncate: true }), runs: 4, concurrency: 16 },
    },
  ],
  logActionConfig: {
    onLoad: ['Ready'],
    onError: ['Error: ', 'panicked at'],
    onInfo: ['Downloading'],
  },
});

await worker.run();

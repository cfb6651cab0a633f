import { createVastWorker, workloadForRerank } from 'leash/pyworker';

const model = process.env.MODEL ?? 'BAAI/bge-reranker-v2-m3';

/** A question with as many documents as a search hands over; the benchmark counts documents in a second. */
const BENCHMARK = {
  model,
  query: 'When does a rented GPU stop billing?',
  documents: Array.from({ length: 16 }, (_, at) => `Document ${at}: an instance bills until it is gone.`),
};

const worker = createVastWorker({
  // MODEL_SERVER_PORT and MODEL_LOG come from start.sh.
  modelServerUrl: 'http://127.0.0.1',
  modelHealthcheckUrl: '/health',
  handlers: [
    {
      route: '/v1/rerank',
      workloadCalculator: workloadForRerank,
      // One at a time, first come first served: a batch of documents fills the GPU by itself.
      allowParallelRequests: false,
      maxQueueTime: 15,
      benchmark: { dataset: [BENCHMARK], runs: 4, concurrency: 1 },
    },
  ],
  logActionConfig: {
    onLoad: ['Application startup complete.'],
    onError: ['RuntimeError: Engine', 'torch.OutOfMemoryError', 'Traceback (most recent call last):'],
    onInfo: ['Loading safetensors'],
  },
});

await worker.run();

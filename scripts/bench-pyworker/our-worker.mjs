/** Our worker of the benchmark: one parallel route without a limit. */
import { createVastWorker } from '../../src/pyworker/index.ts';

await createVastWorker({
  host: '127.0.0.1',
  modelLogFile: process.env.MODEL_LOG,
  handlers: [
    {
      route: '/v1/completions',
      allowParallelRequests: true,
      maxQueueTime: null,
      workloadCalculator: (payload) => payload.max_tokens ?? 256,
      benchmark: { dataset: [{ max_tokens: 64 }] },
    },
  ],
  logActionConfig: { onLoad: ['the model is up'], onError: [], onInfo: [] },
}).run();

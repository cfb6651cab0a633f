import { createVastWorker, workloadForCompletions } from 'leash/pyworker';

const model = process.env.MODEL ?? 'Qwen/Qwen2.5-7B-Instruct';

/** All the work it asks for is done, and a prompt of its own keeps it out of the prefix cache. */
function benchmarkPayload() {
  const prompt = `Tell a story that begins with the number ${Math.random()}.`;
  return { model, prompt, max_tokens: 64, ignore_eos: true };
}

/** Whether the answer is streamed is the caller's to say, with `stream` in the payload. */
const inParallel = {
  workloadCalculator: workloadForCompletions,
  allowParallelRequests: true,
  maxQueueTime: 60,
};

const worker = createVastWorker({
  // MODEL_SERVER_PORT and MODEL_LOG come from start.sh.
  modelServerUrl: 'http://127.0.0.1',
  modelHealthcheckUrl: '/health',
  handlers: [
    { route: '/v1/chat/completions', ...inParallel },
    {
      route: '/v1/completions',
      ...inParallel,
      benchmark: { generator: benchmarkPayload, runs: 3, concurrency: 16 },
    },
  ],
  logActionConfig: {
    onLoad: ['Application startup complete.'],
    onError: ['RuntimeError: Engine', 'torch.OutOfMemoryError', 'Traceback (most recent call last):'],
    onInfo: ['Loading safetensors', 'Starting to load model'],
  },
});

await worker.run();

/** `leash/pyworker`: a worker of Vast Serverless, before any model server that speaks HTTP. */
export { ConfigurationError } from './config.ts';
export { environmentSchema } from './environment.ts';
export {
  type BenchmarkConfig,
  benchmarkConfigSchema,
  type HandlerConfig,
  handlerConfigSchema,
  type LogActionConfig,
  logActionConfigSchema,
  type WorkerConfig,
  workerConfigSchema,
} from './schema.ts';
export {
  type FormFile,
  type FormMaker,
  type FormValue,
  type GeneratedAnswer,
  type ModelAnswer,
  type Payload,
  PayloadError,
  type RequestParser,
  type ResponseGenerator,
  type WorkloadCalculator,
} from './types.ts';
export { createVastWorker, VastWorker } from './worker.ts';
export {
  DEFAULT_WORKLOAD,
  workloadForCompletions,
  workloadForEmbeddings,
  workloadForRerank,
} from './workloads.ts';

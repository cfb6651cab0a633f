import type { z } from 'zod';
import { type Environment, environmentSchema, outsidePortOf } from './environment.ts';
import { type GivenConfig, type Handler, type WorkerConfig, workerConfigSchema } from './schema.ts';
import type { Payload } from './types.ts';

/** Everything that is wrong with a worker's configuration and environment, a line each with the path to it. */
export class ConfigurationError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The worker cannot start:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.name = 'ConfigurationError';
    this.problems = problems;
  }
}

/** How the load per second is found. */
export type Benchmark =
  | { readonly kind: 'fixed'; readonly loadPerSecond: number }
  | {
      readonly kind: 'measured';
      readonly handler: Handler;
      readonly payload: () => Payload;
      readonly runs: number;
      readonly concurrency: number;
      readonly warmUp: boolean;
    };

/** Configuration and environment together, with nothing left open. */
export type ResolvedConfig = Omit<
  GivenConfig,
  'modelServerUrl' | 'modelServerPort' | 'workerPort' | 'localPort' | 'modelLogFile' | 'modelHealthcheckUrl'
> & {
  readonly containerId: number;
  readonly reportAddresses: readonly string[];
  readonly masterToken: string;
  readonly workerPort: number;
  readonly localPort: number;
  /** Of the model server, without a slash at its end. */
  readonly modelUrl: string;
  readonly modelLogFile: string | null;
  /** Whole. */
  readonly modelHealthUrl: string | null;
  readonly benchmark: Benchmark;
  /** Whether somebody said how fast the model is, or how to find out. */
  readonly isBenchmarkGiven: boolean;
  /** What the engine hands to clients, and signs. */
  readonly publicUrl: string;
  readonly isTls: boolean;
  readonly isUnsecured: boolean;
  readonly hfToken: string | null;
};

/** A worker that nobody measured does one request of the default workload a second. */
const UNMEASURED_LOAD_PER_SECOND = 100;

/** Throws a `ConfigurationError` with all that is wrong with either. */
export function resolveConfig(given: WorkerConfig, environment: Environment): ResolvedConfig {
  const set = Object.fromEntries(Object.entries(environment).filter(([, text]) => text !== ''));
  const config = workerConfigSchema.safeParse(given);
  const surroundings = environmentSchema.safeParse(set);
  const problems = [...problemsOf(config.error), ...problemsOf(surroundings.error)];
  const workerPort = config.data?.workerPort ?? surroundings.data?.WORKER_PORT ?? 3_000;
  const outside = outsidePortOf(set, workerPort);
  if ('problem' in outside) problems.push(outside.problem);
  const modelPort = config.data?.modelServerPort ?? surroundings.data?.MODEL_SERVER_PORT;
  if (config.success && surroundings.success && modelPort === undefined)
    problems.push('modelServerPort: is not set, and neither is MODEL_SERVER_PORT');
  if (problems.length > 0 || !config.success || !surroundings.success || 'problem' in outside)
    throw new ConfigurationError(problems);

  const vars = surroundings.data;
  const modelUrl = `${(config.data.modelServerUrl ?? vars.MODEL_SERVER_URL ?? 'http://127.0.0.1').replace(/\/+$/, '')}:${modelPort}`;
  const healthUrl = config.data.modelHealthcheckUrl ?? vars.MODEL_HEALTH_ENDPOINT ?? null;
  return {
    ...config.data,
    containerId: vars.CONTAINER_ID,
    reportAddresses: vars.REPORT_ADDR,
    masterToken: vars.MASTER_TOKEN,
    workerPort,
    localPort: config.data.localPort ?? vars.WORKER_HTTP_PORT ?? workerPort + 1,
    modelUrl,
    modelLogFile: config.data.modelLogFile ?? vars.MODEL_LOG ?? null,
    modelHealthUrl: healthUrl === null ? null : new URL(healthUrl, `${modelUrl}/`).href,
    ...benchmarkOf(config.data.handlers),
    publicUrl: `${vars.USE_SSL ? 'https' : 'http'}://${vars.PUBLIC_IPADDR}:${outside.port}`,
    isTls: vars.USE_SSL,
    isUnsecured: vars.UNSECURED,
    hfToken: vars.HF_TOKEN ?? null,
  };
}

function benchmarkOf(handlers: readonly Handler[]): Pick<ResolvedConfig, 'benchmark' | 'isBenchmarkGiven'> {
  const handler = handlers.find(({ benchmark }) => benchmark !== undefined);
  const given = handler?.benchmark;
  if (handler === undefined || given === undefined)
    return {
      benchmark: { kind: 'fixed', loadPerSecond: UNMEASURED_LOAD_PER_SECOND },
      isBenchmarkGiven: false,
    };
  if ('loadPerSecond' in given)
    return { benchmark: { kind: 'fixed', loadPerSecond: given.loadPerSecond }, isBenchmarkGiven: true };
  const { dataset = [], generator, runs, concurrency, warmUp } = given;
  const payload = () => {
    if (dataset.length === 0 && generator !== undefined) return generator();
    return dataset[Math.floor(Math.random() * dataset.length)] ?? {};
  };
  const atOnce = handler.allowParallelRequests ? concurrency : 1;
  return {
    benchmark: { kind: 'measured', handler, payload, runs, concurrency: atOnce, warmUp },
    isBenchmarkGiven: true,
  };
}

function problemsOf(error: z.ZodError | undefined): string[] {
  return (error?.issues ?? []).flatMap((issue) => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => `${pathOf([...issue.path, key])}: is no option of the worker`);
    return [`${pathOf(issue.path)}: ${issue.message}`];
  });
}

function pathOf(path: readonly PropertyKey[]): string {
  return path
    .map((step, at) =>
      typeof step === 'number' ? `[${step}]` : at === 0 ? String(step) : `.${String(step)}`,
    )
    .join('');
}

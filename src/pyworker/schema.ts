import { z } from 'zod';
import type { FormMaker, Payload, RequestParser, ResponseGenerator, WorkloadCalculator } from './types.ts';

/** A function of this kind; what it takes and gives only the compiler checks. */
function callable<Callable>(what: string) {
  return z.custom<Callable>((given) => typeof given === 'function', `must be ${what}`);
}

const count = (what: string) => z.int(what).min(1, what);
const port = z
  .int('must be a port: 1 to 65535')
  .min(1, 'must be a port: 1 to 65535')
  .max(65_535, 'must be a port: 1 to 65535');
const lines = z.array(z.string('must be a text').min(1, 'must not be empty: it would be part of every line'));

/** Paths that are the worker's own. */
const OWN_PATHS = ['/health', '/metrics', '/pyworker/update'];
const route = z
  .string('must be a path such as /v1/completions')
  .regex(/^\/[^\s?#]*$/, 'must be a path such as /v1/completions, without query')
  .refine(
    (path) => !OWN_PATHS.includes(path) && !path.startsWith('/session/'),
    'is a path of the worker itself: take another one',
  );

const dataset = z.array(z.custom<Payload>(isRecord, 'must be an object')).min(1, 'must not be empty');

/** How fast the model is: measured with requests of a dataset or a generator, or a figure that is known. */
export const benchmarkConfigSchema = z.union(
  [
    z
      .strictObject({
        /** Payloads, of which one is chosen at random for each request. */
        dataset: dataset.optional(),
        /** Makes the payload of each request, where there is no dataset. */
        generator: callable<() => Payload>('a function that makes a payload').optional(),
        /** Rounds, of which the best counts. */
        runs: count('must be a whole number of rounds').default(8),
        /** Requests at once in a round; 1 on a route that is not parallel. */
        concurrency: count('must be a whole number of requests').default(10),
        /** One request before the first round that does not count. */
        warmUp: z.boolean().default(true),
      })
      .refine(
        (given) => given.dataset !== undefined || given.generator !== undefined,
        'must have a dataset or a generator',
      ),
    z.strictObject({
      /** Load per second, where nothing shall be measured. */
      loadPerSecond: z.number().positive('must be above 0'),
    }),
  ],
  'must be {dataset or generator, runs?, concurrency?, warmUp?} or {loadPerSecond}',
);

export const handlerConfigSchema = z.strictObject({
  /** The path of requests, which is the model's too. */
  route,
  workloadCalculator: callable<WorkloadCalculator>(
    'a function of the payload that gives a number',
  ).optional(),
  /** False: one request of all such routes is at the model at a time. */
  allowParallelRequests: z.boolean('must be true or false').default(false),
  /** Seconds that a request may be expected to wait, and wait; null: without end. */
  maxQueueTime: z
    .number('must be seconds, or null')
    .positive('must be above 0, or null')
    .nullable()
    .default(30),
  requestParser: callable<RequestParser>('a function of the payload that gives a payload').optional(),
  responseGenerator: callable<ResponseGenerator>('a function that makes the answer').optional(),
  /** Sends the payload as a form. */
  multipart: callable<FormMaker>('a function that makes the members of a form').optional(),
  benchmark: benchmarkConfigSchema.optional(),
});

/** A line of the model's log tells by a part of it; case counts. */
export const logActionConfigSchema = z.strictObject({
  /** The model is loaded. */
  onLoad: lines.default([]),
  /** It has failed, for good. */
  onError: lines.default([]),
  /** Worth a line in the worker's own log. */
  onInfo: lines.default([]),
});

export const workerConfigSchema = z
  .strictObject({
    /** Scheme and host of the model server; MODEL_SERVER_URL when not given, http://127.0.0.1 when neither is. */
    modelServerUrl: z
      .url({ protocol: /^https?$/, error: 'must be a URL such as http://127.0.0.1' })
      .optional(),
    /** MODEL_SERVER_PORT when not given. */
    modelServerPort: port.optional(),
    /** WORKER_PORT when not given, 3000 when neither is. */
    workerPort: port.optional(),
    handlers: z.array(handlerConfigSchema, 'must be a list of handlers').min(1, 'must have a handler'),
    logActionConfig: logActionConfigSchema.prefault({}),
    /** The model's log; MODEL_LOG when not given. Without it the model counts as loaded when it is healthy. */
    modelLogFile: z.string().min(1).optional(),
    /** Of the model: a path such as /health, or a whole URL. MODEL_HEALTH_ENDPOINT when not given. */
    modelHealthcheckUrl: z.string().min(1).optional(),
    /** Sessions at once; null or 0: as many as come. */
    maxSessions: z.int().min(0).nullable().default(10),
    /** Address to listen on. */
    host: z.string().min(1).default('0.0.0.0'),
    /** Port of POST /session/end for processes beside the worker; WORKER_HTTP_PORT, or the worker's own and 1. */
    localPort: port.optional(),
    /** Where the result of the benchmark is kept. */
    benchmarkFile: z.string().min(1).default('.has_benchmark'),
    /** What POST /pyworker/update makes. */
    updateFile: z.string().min(1).default('/.force_update'),
    certificateFile: z.string().min(1).default('/etc/instance.crt'),
    certificateKeyFile: z.string().min(1).default('/etc/instance.key'),
    /** Longest body of a request, bytes. */
    maxBodyBytes: z
      .int()
      .positive()
      .default(256 * 1_024 * 1_024),
    /** Requests in hand at once, waiting ones too; more are answered 429. */
    maxRequests: z.int().positive().default(10_000),
    /** Connections to the model at once; null: as many as there are requests. */
    maxModelConnections: z.int().positive().nullable().default(null),
    /** Longest silence of the model within one answer, seconds. */
    modelTimeout: z.number().positive().default(3_600),
    /** How long requests in hand may take when the worker is told to stop, seconds. */
    drainTimeout: z.number().min(0).default(30),
    /** Least level of the worker's own log. */
    logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  })
  .superRefine(({ handlers }, context) => {
    const routes = handlers.map((handler) => handler.route);
    for (const [at, path] of routes.entries()) {
      if (routes.indexOf(path) < at)
        context.addIssue({
          code: 'custom',
          path: ['handlers', at, 'route'],
          message: `is the route of handlers[${routes.indexOf(path)}] too`,
        });
    }
    const measured = handlers.flatMap(({ benchmark }, at) => (benchmark === undefined ? [] : [at]));
    for (const at of measured.slice(1))
      context.addIssue({
        code: 'custom',
        path: ['handlers', at, 'benchmark'],
        message: `is the second one: handlers[${measured[0]}] has a benchmark, and all loads are measured by one`,
      });
  });

export type BenchmarkConfig = z.input<typeof benchmarkConfigSchema>;
export type HandlerConfig = z.input<typeof handlerConfigSchema>;
export type LogActionConfig = z.input<typeof logActionConfigSchema>;
/** What `createVastWorker` takes. */
export type WorkerConfig = z.input<typeof workerConfigSchema>;
export type Handler = z.output<typeof handlerConfigSchema>;
export type GivenConfig = z.output<typeof workerConfigSchema>;

function isRecord(given: unknown): given is Payload {
  return typeof given === 'object' && given !== null && !Array.isArray(given);
}

import { z } from 'zod';

/** As the official worker reads it: these words, in any case. */
const TRUE = ['y', 'yes', 't', 'true', 'on', '1'];
const FALSE = ['n', 'no', 'f', 'false', 'off', '0'];

const portText = z
  .string()
  .regex(/^\d+$/, 'must be a port: 1 to 65535')
  .transform(Number)
  .refine((port) => port >= 1 && port <= 65_535, 'must be a port: 1 to 65535');

/** What Vast.ai, the template and the image set for a worker. Empty means not set. */
export const environmentSchema = z.object({
  /** The instance's number; what the engine knows the worker by. */
  CONTAINER_ID: z
    .string('is not set: Vast.ai sets it in every instance')
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number),
  /** Where the engine takes reports; several, separated by commas, are tried in order. */
  REPORT_ADDR: z
    .string()
    .default('https://run.vast.ai')
    .transform((text) =>
      text
        .split(',')
        .map((address) => address.trim().replace(/\/+$/, ''))
        .filter(Boolean),
    )
    .refine(
      (all) => all.every((address) => /^https?:\/\/\S+$/.test(address)),
      'must be URLs, separated by commas',
    ),
  /** Goes into every report, and admits to POST /pyworker/update. */
  MASTER_TOKEN: z.string().default(''),
  WORKER_PORT: portText.optional(),
  WORKER_HTTP_PORT: portText.optional(),
  MODEL_SERVER_URL: z
    .url({ protocol: /^https?$/, error: 'must be a URL such as http://127.0.0.1' })
    .optional(),
  MODEL_SERVER_PORT: portText.optional(),
  MODEL_LOG: z.string().optional(),
  MODEL_HEALTH_ENDPOINT: z.string().optional(),
  /** For the worker's own program; the worker does not use it. */
  HF_TOKEN: z.string().optional(),
  /** The outside address of the instance; a tunnel's, where one stands before it. */
  PUBLIC_IPADDR: z.string(
    'is not set: Vast.ai sets it in every instance; behind a tunnel, set it to the tunnel’s host',
  ),
  /** `true`: the main port speaks TLS. */
  USE_SSL: z
    .string()
    .default('false')
    .transform((text) => text === 'true'),
  /** No signature is asked for. */
  UNSECURED: z
    .string()
    .default('false')
    .refine((text) => [...TRUE, ...FALSE].includes(text.toLowerCase()), 'must be true or false')
    .transform((text) => TRUE.includes(text.toLowerCase())),
});

export type Environment = Readonly<Record<string, string | undefined>>;

/** The port that callers reach a worker's port by. */
export function outsidePortOf(
  environment: Environment,
  port: number,
): { port: number } | { problem: string } {
  const name = `VAST_TCP_PORT_${port}`;
  const text = environment[name];
  if (text === undefined || text === '')
    return {
      problem: `${name}: is not set: open port ${port} in the template, or set it to a tunnel’s port`,
    };
  const parsed = portText.safeParse(text);
  return parsed.success ? { port: parsed.data } : { problem: `${name}: must be a port: 1 to 65535` };
}

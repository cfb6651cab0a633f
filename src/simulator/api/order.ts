import { z } from 'zod';
import type { ContractOrder } from '../contract.ts';

export type OrderProblem = { readonly status: number; readonly error: string; readonly message: string };

/** What a create call asks for, or why it is refused. */
export function parseOrder(body: Readonly<Record<string, unknown>>): ContractOrder | OrderProblem {
  const env = parseEnv(body.env);
  if (!Array.isArray(env)) return env;
  const parsed = CreateBody.safeParse(body);
  if (!parsed.success) {
    const said = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
    const isPrice = parsed.error.issues.every(({ path }) => path[0] === 'price');
    return problem(isPrice ? 'invalid_price' : 'invalid_args', said);
  }
  const { image, template_hash_id, template_id, onstart, args, args_str, runtype } = parsed.data;
  if (!image && !template_hash_id && !template_id) return problem('invalid_args', 'image: Field required');
  const allArgs = [...(args ?? []), ...(args_str ? args_str.split(/\s+/) : [])];
  const scripts = (onstart ?? '').length + allArgs.join(' ').length;
  if (scripts > 4096)
    return problem('invalid_args', 'args, args_str and onstart together exceed 4096 characters');
  return {
    label: parsed.data.label || null,
    image: image || `template/${template_hash_id ?? template_id}`,
    onstart: onstart ?? null,
    args: allArgs,
    env,
    runtype: runtype ?? 'ssh',
    diskGb: parsed.data.disk ?? 8,
    bid: parsed.data.price ?? null,
    target: parsed.data.target_state ?? 'running',
    templateHash: template_hash_id ?? null,
  };
}

const RUN_TYPES = new Set([
  'ssh',
  'jupyter',
  'args',
  'ssh_proxy',
  'ssh_direct',
  'ssh_direc',
  'jupyter_proxy',
  'jupyter_direct',
  'jupyter_direc',
]);

const CreateBody = z.object({
  image: z.string().max(1024).nullish(),
  disk: z.coerce.number().min(8).max(100_000).nullish(),
  label: z.string().max(256).nullish(),
  onstart: z.string().max(4048).nullish(),
  runtype: z
    .string()
    .refine((runtype) => runtype.split(/\s+/).every((word) => RUN_TYPES.has(word)), 'is not a valid runtype')
    .nullish(),
  args: z.array(z.string()).nullish(),
  args_str: z.string().nullish(),
  price: z.coerce.number().min(0.001).max(128).nullish(),
  target_state: z.enum(['running', 'stopped']).nullish(),
  cancel_unavail: z.boolean().nullish(),
  template_hash_id: z.string().nullish(),
  template_id: z.coerce.number().int().nullish(),
});

/** `env` as sent: an object, or the docker flags in one string. */
function parseEnv(env: unknown): (readonly [string, string])[] | OrderProblem {
  if (env === undefined || env === null) return [];
  if (typeof env === 'string') return parseFlags(env);
  if (typeof env !== 'object' || Array.isArray(env))
    return problem('invalid_args', 'env: Input should be an object');
  const entries = Object.entries(env);
  if (entries.length > 256) return problem('invalid_args', 'env: more than 256 entries');
  if (Buffer.byteLength(JSON.stringify(env)) > 32_768)
    return problem('invalid_args', 'env: more than 32768 bytes');
  if (entries.some(([, value]) => value === null)) {
    // Seen in production: a null where text is due upsets the server itself.
    return { status: 500, error: 'server_error', message: 'Something went wrong on the server' };
  }
  if (entries.some(([, value]) => typeof value === 'object'))
    return problem('invalid_args', 'env: values must be strings');
  const published = entries.filter(([key]) => key.startsWith('-p ')).length;
  if (published > 64) return problem('invalid_args', 'env: more than 64 ports');
  const range = entries.find(([key]) => /^-p\s.*\d-\d/.test(key));
  if (range !== undefined) return problem('invalid_args', `env: port ranges are not supported: ${range[0]}`);
  return entries.map(([key, value]) => [key, String(value)] as const);
}

function parseFlags(flags: string): (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  for (const match of flags.matchAll(/-([ephvn])\s+((?:"[^"]*"|'[^']*'|[^\s"'])+)/g)) {
    const [, flag, quoted = ''] = match;
    const text = quoted.replaceAll(/["']/g, '');
    if (flag === 'e') {
      const [name = '', ...rest] = text.split('=');
      pairs.push([name, rest.join('=')]);
    } else {
      pairs.push([flag === 'h' ? '-h' : `-${flag} ${text}`, flag === 'h' ? text : '1']);
    }
  }
  return pairs;
}

function problem(error: string, said: string): OrderProblem {
  return { status: 400, error, message: `error 400/3588: ${error} ${said}` };
}

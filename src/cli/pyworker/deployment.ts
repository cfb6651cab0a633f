import { z } from 'zod';
import {
  type EndpointSpec,
  readConditions,
  type TemplateSpec,
  type WorkergroupSpec,
} from '../../vast/serverless.ts';

/** What `leash pyworker deploy` is told to bring about, checked. */
export type Deployment = {
  readonly template: TemplateSpec;
  readonly endpoint: EndpointSpec;
  readonly workergroup: WorkergroupSpec;
  /** What is allowed, and has surprised people. */
  readonly warnings: readonly string[];
};

export type Reading =
  | { readonly kind: 'read'; readonly deployment: Deployment }
  | { readonly kind: 'wrong'; readonly problems: readonly string[] };

/** What a command line says over the file. */
export type Overrides = {
  readonly env?: Readonly<Record<string, string>>;
  readonly image?: string | undefined;
};

/** Reads a deployment's JSON. Every problem at once, with its path. */
export function readDeployment(json: unknown, overrides: Overrides = {}): Reading {
  const parsed = DeploymentFile.safeParse(json);
  if (!parsed.success) return { kind: 'wrong', problems: parsed.error.issues.map(said) };
  const { template: own, endpoint, workergroup } = parsed.data;
  const env = { ...own.env, ...overrides.env };
  const template = { ...own, env, image: overrides.image ?? own.image };
  const problems = problemsOf(template);
  if (problems.length > 0) return { kind: 'wrong', problems };
  const deployment: Omit<Deployment, 'warnings'> = {
    template: {
      name: template.name,
      image: template.image,
      env: dockerFlags(template),
      onstart: onstartOf(template),
      runtype: template.runtype,
      diskGb: template.diskGb,
      description: template.description,
    },
    endpoint: { ...endpoint, name: endpoint.name ?? template.name },
    workergroup: { search: workergroup.searchParams, gpuRamGb: workergroup.gpuRam },
  };
  return { kind: 'read', deployment: { ...deployment, warnings: warningsOf(deployment, env) } };
}

const name = z.string().trim().min(1).max(100);
const portNumber = z.int().min(1).max(65_535);
const atLeastZero = z.number().min(0);
/** Also what the API takes for one text. */
const ONSTART_LENGTH_MAX = 4_048;

const TemplatePart = z.strictObject({
  name: name.describe('Found by it again'),
  image: z.string().min(1).max(1_024).describe('The worker’s container image, with its tag'),
  env: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String)).default({}),
  ports: z.array(portNumber).max(32).default([]).describe('Published beside the worker’s own'),
  workerPort: portNumber.default(3000),
  onstart: z
    .union([z.string(), z.array(z.string())])
    .default('')
    .describe('What starts the worker; lines, or one text'),
  runtype: z
    .enum(['ssh', 'args'])
    .default('ssh')
    .describe('ssh: runs onstart in the image; args: the image’s own entry point, and no onstart'),
  diskGb: z.number().min(8).max(100_000),
  description: z.string().max(1_000).default(''),
});

const EndpointPart = z.strictObject({
  name: name.optional().describe('What callers name; the template’s name when left out'),
  minLoad: atLeastZero.default(0),
  minColdLoad: atLeastZero.default(0),
  targetUtil: z.number().gt(0).max(1).default(0.9),
  coldMult: z.number().min(1).default(2.5),
  coldWorkers: z.int().min(0).max(1_000).default(1),
  maxWorkers: z.int().min(1).max(1_000).default(4),
  maxQueueTime: atLeastZero.nullable().default(null),
  targetQueueTime: atLeastZero.nullable().default(null),
  inactivityTimeout: z.number().nullable().default(null),
});

const WorkergroupPart = z.strictObject({
  searchParams: z
    .string()
    .max(2_000)
    .refine((search) => readConditions(search) !== null, 'is no search such as "gpu_ram>=24 num_gpus=1"')
    .default('num_gpus=1'),
  gpuRam: z.number().gt(0).nullable().default(null).describe('GB'),
});

/** The file's shape; nothing beside it is taken. */
export const DeploymentFile = z.strictObject({
  template: TemplatePart,
  endpoint: EndpointPart.prefault({}),
  workergroup: WorkergroupPart.prefault({}),
});

type TemplateWords = z.infer<typeof TemplatePart>;

function said({ path, message }: z.core.$ZodIssue): string {
  return `${path.length === 0 ? 'the file' : path.map(String).join('.')}: ${message}`;
}

/** What no single field can tell. */
function problemsOf(template: TemplateWords): string[] {
  const problems: string[] = [];
  const onstart = onstartOf(template);
  if (!IMAGE.test(template.image))
    problems.push(
      `template.image: ${template.image} is no name of an image, such as ghcr.io/you/worker:1.0.0, in small letters; --image names another`,
    );
  if (template.runtype === 'ssh' && onstart.trim() === '')
    problems.push(
      'template.onstart: an instance of runtype ssh runs this and nothing else; say what starts the worker',
    );
  if (template.runtype === 'args' && onstart !== '')
    problems.push(
      'template.onstart: runtype args runs the image’s entry point and ignores this; leave one out',
    );
  if (onstart.length > ONSTART_LENGTH_MAX)
    problems.push(`template.onstart: ${onstart.length} characters of at most ${ONSTART_LENGTH_MAX}`);
  for (const [key, value] of Object.entries(template.env)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key))
      problems.push(`template.env.${key}: is no name for a variable`);
    else if (SET_BY_VAST.includes(key)) problems.push(`template.env.${key}: is set by Vast.ai`);
    if (/[\n\r]/.test(value) || (value.includes('"') && value.includes("'")))
      problems.push(`template.env.${key}: a value is one line with one kind of quotation marks at most`);
  }
  const { WORKER_PORT: port = String(template.workerPort) } = template.env;
  if (port !== String(template.workerPort))
    problems.push('template.env.WORKER_PORT: contradicts template.workerPort; leave it out');
  return problems;
}

/** Registry, path, tag, digest. */
const IMAGE =
  /^(?:[\w-]+(?:\.[\w-]+)*(?::\d+)?\/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/;

const SET_BY_VAST = ['CONTAINER_ID', 'CONTAINER_API_KEY', 'MASTER_TOKEN', 'REPORT_ADDR'];

function onstartOf({ onstart }: TemplateWords): string {
  return typeof onstart === 'string' ? onstart : onstart.join('\n');
}

/** Ports and variables as the API keeps them: docker's flags in one line. */
function dockerFlags({ env, ports, workerPort }: TemplateWords): string {
  const published = [...new Set([workerPort, ...ports])].map((port) => `-p ${port}:${port}`);
  const all = { WORKER_PORT: String(workerPort), ...env };
  return [...published, ...Object.entries(all).map(([key, value]) => `-e ${key}=${quoted(value)}`)].join(' ');
}

function quoted(value: string): string {
  if (/^[\w./:@%+,-]+$/.test(value)) return value;
  return value.includes('"') ? `'${value}'` : `"${value}"`;
}

const SECRET_NAME = /KEY|TOKEN|SECRET|PASSWORD/i;

function warningsOf(
  { endpoint, template }: Omit<Deployment, 'warnings'>,
  env: Readonly<Record<string, string>>,
): string[] {
  const warnings: string[] = [];
  const secrets = Object.keys(env).filter((key) => SECRET_NAME.test(key));
  if (secrets.length > 0)
    warnings.push(
      `${secrets.join(', ')}: a template keeps its environment in plain text; \`vastai create env-var\` sets it for the whole account instead.`,
    );
  if (endpoint.coldWorkers > endpoint.maxWorkers)
    warnings.push('endpoint.coldWorkers is above endpoint.maxWorkers, which wins.');
  if (endpoint.coldWorkers === 1 && endpoint.maxWorkers === 1)
    warnings.push(
      'endpoint.maxWorkers 1 with coldWorkers 1: users saw the engine create and destroy the only worker without end; 2 leaves it room to replace one.',
    );
  if (!/[:@]/.test(template.image.split('/').at(-1) ?? '') || template.image.endsWith(':latest'))
    warnings.push('template.image has no fixed tag: two workers may run two versions.');
  return warnings;
}

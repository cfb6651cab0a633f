import { z } from 'zod';
import { gatewaySettings } from './gateway-settings.ts';
import { readSecretFiles } from './secret-files.ts';

/**
 * Every setting, read once at start from the environment. Rooms receive values, never the environment.
 * Minutes and seconds accept fractions (0.05), which is how tests and the demo run fast.
 */
const positive = z.coerce.number().positive();
const notNegative = z.coerce.number().nonnegative();
const count = z.coerce.number().int().positive();
const port = z.coerce.number().int().min(0).max(65_535);
const flag = z
  .enum(['true', 'false', '1', '0', 'yes', 'no', 'on', 'off'])
  .transform((word) => ['true', '1', 'yes', 'on'].includes(word));
const url = z.url({ protocol: /^https?$/ }).transform((text) => text.replace(/\/+$/, ''));

/** Not changed in any way: the address of a webhook is often its key as well. */
const webhookUrl = z
  .url({ protocol: /^https?$/ })
  .refine((text) => isPrivateWay(text), 'https, or http on this machine')
  .refine((text) => !/^[^/]+\/\/[^/?#]*@/.test(text), 'no user and password in it');

const jsonObject = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'not JSON' });
    return z.NEVER;
  }
});

/** As OpenTelemetry writes them: names and values are percent-encoded. */
const headerList = z.string().transform((text, context): Record<string, string> => {
  const headers: Record<string, string> = {};
  for (const part of text.split(',').filter((each) => each.trim() !== '')) {
    const [, name, value] = /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=(.*)$/.exec(part) ?? [];
    const decoded = value === undefined ? null : decodeHeader(value.trim());
    if (name === undefined || decoded === null) {
      context.addIssue({ code: 'custom', message: 'name=value pairs with commas between them' });
      return z.NEVER;
    }
    headers[name] = decoded;
  }
  return headers;
});

/** Null for what no header can carry. */
function decodeHeader(text: string): string | null {
  try {
    const decoded = decodeURIComponent(text);
    return /^[\x20-\x7e]*$/.test(decoded) ? decoded : null;
  } catch {
    return null;
  }
}

const settings = {
  VASTAI_API_KEY: z
    .string()
    // It goes into a header: a curly quote or an ellipsis pasted with it would fail every call.
    .regex(/^[\x21-\x7e]+$/, 'letters, digits and signs of ASCII, without spaces')
    .optional()
    .meta({ secret: true })
    .describe('Key of the Vast.ai account; without it `npm start` brings its own simulated market'),
  VASTAI_API_URL: url.default('https://console.vast.ai').describe('Base URL of the market'),
  LEASH_ALLOW_BROAD_KEY: flag
    .default(false)
    .describe('Start with a Vast.ai key that may also transfer credit or make keys; it is refused otherwise'),
  VASTAI_BUDGET_LIMIT: positive.default(15).describe('Most all sessions together may spend in a period, USD'),
  VASTAI_BUDGET_PERIOD: z
    .string()
    .regex(/^(month|none|[1-9][0-9]*d)$/, 'month, none or a number of days such as 7d')
    .default('month')
    .describe('When spending starts again from zero: `month`, `<n>d` or `none`'),
  VASTAI_SESSION_BUDGET_LIMIT: positive
    .default(2)
    .describe('Most one session may spend, USD: default and ceiling of `budget_usd`'),
  VASTAI_DEFAULT_KEEP_ALIVE_MINUTES: positive
    .default(45)
    .describe('How long a session serves after its last use'),
  VASTAI_MAX_STARTUP_TIME_MINUTES: positive.default(15).describe('Create to READY, one attempt'),
  VASTAI_AUTO_DESTROY_ON_ERROR: flag
    .default(true)
    .describe('Destroy a READY instance whose model failed three looks in a row'),
  VASTAI_AUTO_DESTROY_ON_SHUTDOWN: flag
    .optional()
    .describe('End all sessions when the program stops; true in `npm start`, false for a worker among many'),
  VASTAI_HEALTH_CHECK_INTERVAL_SECONDS: positive
    .default(60)
    .describe('How often supervision looks at the model'),
  VASTAI_SEARCH_TIMEOUT_SECONDS: positive
    .default(60)
    .describe('How long one search for offers may take, retries included'),
  VASTAI_MAX_SEARCH_RETRIES: z.coerce
    .number()
    .int()
    .nonnegative()
    .default(3)
    .describe('How often an empty search is repeated before the launch fails'),
  MODAL_WEB_URL: url.optional().describe('OpenAI-compatible endpoint on Modal'),
  MODAL_TOKEN_ID: z
    .string()
    .optional()
    .meta({ secret: true })
    .describe('Proxy-auth token id of the Modal endpoint'),
  MODAL_TOKEN_SECRET: z
    .string()
    .optional()
    .meta({ secret: true })
    .describe('Proxy-auth token secret of the Modal endpoint'),
  MODAL_MODEL: z
    .string()
    .min(1)
    .optional()
    .describe('Model that the Modal endpoint serves; LEASH_MODEL when not set'),
  ANTHROPIC_API_KEY: z.string().optional().meta({ secret: true }).describe('Key of the Anthropic API'),
  ANTHROPIC_MODEL: z
    .string()
    .min(1)
    .default('claude-sonnet-4-5')
    .describe('Model asked of Anthropic where a request names none'),
  ANTHROPIC_BASE_URL: url.default('https://api.anthropic.com').describe('Where the Anthropic API is'),
  ...gatewaySettings,
  ADMIN_TOKEN: z
    .string()
    .min(8, 'at least 8 characters')
    .optional()
    .meta({ secret: true })
    .describe('Bearer token of the admin API; generated into LEASH_HOME when not set'),
  ADMIN_TOKEN_FILE: z
    .string()
    .min(1)
    .optional()
    .describe(
      'File with it instead, and on a second line the one before, still admitted; what changes there needs no restart',
    ),
  VIEWER_TOKEN: z
    .string()
    .min(8, 'at least 8 characters')
    .optional()
    .meta({ secret: true })
    .describe('Second token of the admin API that may look and change nothing'),
  VIEWER_TOKEN_FILE: z.string().min(1).optional().describe('File with that one instead, as ADMIN_TOKEN_FILE'),
  HF_TOKEN: z
    .string()
    .optional()
    .meta({ secret: true })
    .describe('Token for gated models; goes into the create call only'),
  LEASH_MODEL: z
    .string()
    .min(1)
    .default('Qwen/Qwen2.5-7B-Instruct')
    .describe('Model served when a launch names none'),
  LEASH_IMAGE: z.string().min(1).default('vllm/vllm-openai:v0.16.0').describe('Container image'),
  LEASH_IMAGE_LOGIN: z
    .string()
    .optional()
    .meta({ secret: true })
    .describe('Registry login, `-u USER -p PASSWORD REGISTRY`; goes into the create call only'),
  LEASH_TIERS: z.string().optional().describe('JSON file with the GPU fallback table'),
  LEASH_SCORE_WEIGHTS: jsonObject
    .pipe(
      z.strictObject({
        price: notNegative,
        reliability: notNegative,
        download: notNegative,
        cuda: notNegative,
        disk: notNegative,
        memory: notNegative,
      }),
    )
    .optional()
    .describe('JSON object with the weights of the score: price, reliability, download, cuda, disk, memory'),
  LEASH_MAX_ATTEMPTS: count.default(10).describe('Most attempts of one launch'),
  LEASH_LAUNCH_MINUTES: positive
    .default(60)
    .describe('Longest time from launch to READY, all attempts together'),
  LEASH_SETTLE_SECONDS: positive
    .default(60)
    .describe('How long a create without a clear answer is looked up by its label'),
  LEASH_SLICE_MINUTES: positive.default(120).describe('Length of one supervision activity'),
  LEASH_METER_SECONDS: positive.default(300).describe('How often supervision reads the real contract'),
  LEASH_TEARDOWN_MARGIN_SECONDS: notNegative
    .default(360)
    .describe('Burn kept back from every budget for drain, destroy and the billing tail of the provider'),
  LEASH_DRAIN_SECONDS: notNegative.default(30).describe('How long teardown waits for requests in flight'),
  LEASH_GUARD_MINUTES: notNegative
    .default(15)
    .describe(
      'An instance ends itself when its guard has not been heard of by us for so long; at least three health checks; 0: no guard',
    ),
  LEASH_REAP_INTERVAL_MINUTES: positive.default(5).describe('How often orphans are looked for'),
  LEASH_AUDIT_INTERVAL_MINUTES: positive
    .default(60)
    .describe('How often the ledger and the receipts are compared with the charges of the provider'),
  LEASH_BILLING_TAIL_SECONDS: notNegative
    .default(300)
    .describe('How long the provider goes on billing after an instance is gone; a receipt is final after it'),
  LEASH_REAP_MAX: count
    .default(10)
    .describe('Most instances of unknown sessions destroyed in one run of the reaper'),
  LEASH_RATE_SCALE: notNegative
    .default(1)
    .describe(
      'Multiplies the documented waits between calls to the market; 0 turns them off (simulated market only)',
    ),
  LEASH_OWNER: z
    .string()
    .regex(/^[a-z0-9]{10}$/, '10 characters of a-z0-9')
    .optional()
    .describe('Owner id of the installation, when many processes are one'),
  LEASH_SECRET_FILE: z.string().optional().describe('File with the secret of the installation'),
  LEASH_CA_DIR: z
    .string()
    .min(1)
    .optional()
    .describe('Directory with the authority for instance certificates, when many processes are one'),
  LEASH_INSTANCE_TLS: flag
    .default(true)
    .describe('Sessions launched from now on reach their instance by TLS; `off` is plain HTTP with a key'),
  LEASH_HOST: z.string().default('127.0.0.1').describe('Address of the HTTP server'),
  LEASH_PORT: port.default(8080).describe('Port of the HTTP server'),
  LEASH_WORKER_PORT: port
    .optional()
    .describe('Port where a worker alone serves /metrics and /healthz; none when not set'),
  LEASH_DEPLOYMENT: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, '1 to 40 of a-z, 0-9 and dashes')
    .optional()
    .describe(
      'Workers are versions of this deployment: open sessions stay with the version that began them; not set: workers have no versions',
    ),
  LEASH_BUILD_ID: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$/, '1 to 80 letters, digits, dots, dashes and underscores')
    .optional()
    .describe("This worker's version in its deployment; not set: the release and a digest of the workflows"),
  LEASH_SIMULATOR_PORT: port
    .default(8700)
    .describe('Port of the simulated market that `npm start` brings up'),
  LEASH_TEMPORAL_PORT: port.default(7233).describe('Port of the Temporal server that `npm start` brings up'),
  LEASH_TEMPORAL_UI_PORT: port.default(8233).describe('Port of its Web UI'),
  LEASH_TEMPORAL_UI_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("Temporal's Web UI, which the dashboard links to; that of `npm start` is known without it"),
  LEASH_DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .optional()
    .meta({ secret: true })
    .describe('PostgreSQL for the archive of receipts; a file in LEASH_HOME when not set'),
  LEASH_HOME: z
    .string()
    .min(1)
    .default('.leash')
    .describe(
      'State: database, owner id and secret, authority for instance certificates, generated admin token',
    ),
  LEASH_WEBHOOK_URL: webhookUrl
    .optional()
    .meta({ secret: true })
    .describe('Address that notifications are posted to, https; for servers and workers alike'),
  LEASH_WEBHOOK_SECRET: z
    .string()
    .regex(
      /^(whsec_)?[A-Za-z0-9+/]{22,}={0,2}$/,
      'base64 of at least 16 bytes: `openssl rand -base64 32` makes one',
    )
    .optional()
    .meta({ secret: true })
    .describe(
      'Signs what is posted to LEASH_WEBHOOK_URL, as Standard Webhooks has it: base64, `whsec_` before it or not',
    ),
  LEASH_SLACK_WEBHOOK_URL: webhookUrl
    .optional()
    .meta({ secret: true })
    .describe('Incoming webhook of Slack, or of what speaks as it does; for servers and workers alike'),
  LEASH_LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('Least level that is logged'),
  OTEL_EXPORTER_OTLP_ENDPOINT: url
    .optional()
    .describe(
      'Base URL of an OpenTelemetry collector (OTLP over HTTP) that is sent traces; none when not set',
    ),
  OTEL_EXPORTER_OTLP_HEADERS: headerList
    .optional()
    .meta({ secret: true })
    .describe('Headers for the collector, `name=value,name=value`'),
  OTEL_SERVICE_NAME: z.string().min(1).default('leash').describe('What traces say they come from'),
  LEASH_PAYLOAD_KEYS_FILE: z
    .string()
    .min(1)
    .optional()
    .describe(
      'File with the keys that encrypt what Temporal stores, the first for what is new; nothing is encrypted when not set',
    ),
  LEASH_CODEC_ORIGIN: z
    .url({ protocol: /^https?$/ })
    .refine((text) => new URL(text).origin === text, 'scheme, host and port, and nothing after them')
    .optional()
    .describe(
      'Origin of the one Web UI of Temporal whose pages may have payloads decoded; that of LEASH_TEMPORAL_UI_URL when not set',
    ),
  TEMPORAL_ADDRESS: z
    .string()
    .optional()
    .describe('Temporal server to use; without it `npm start` brings its own'),
  TEMPORAL_NAMESPACE: z
    .string()
    .optional()
    .describe('Namespace; `leash`, or `leash-simulated` on the simulated market'),
} as const;

export const settingsSchema = z.object(settings);

/** Read again while a process runs, by those who admit with them: not here. */
const TOKENS = ['ADMIN_TOKEN', 'VIEWER_TOKEN'];

/** Secrets that may be given as the name of a file instead, in `<NAME>_FILE`. */
export const FILE_SECRETS: readonly string[] = Object.keys(settings).filter(
  (name) => isSecret(name) && !TOKENS.includes(name),
);

export type Config = z.output<typeof settingsSchema>;

/** All that is wrong with the settings, together; the message is written for whoever set them. */
export class ConfigError extends Error {
  constructor(problems: readonly string[]) {
    super(
      `Cannot start: ${problems.length === 1 ? 'a setting is' : `${problems.length} settings are`} wrong.\n${problems.map((line) => `  ${line}`).join('\n')}`,
    );
    this.name = 'ConfigError';
  }
}

/** Reads the settings from an environment, and secrets from the files it names; an empty value counts as not set. Throws a `ConfigError` that names every wrong one. */
export function parseConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const secrets = readSecretFiles(environment, FILE_SECRETS);
  const given = Object.fromEntries(
    Object.keys(settings)
      .map((name) => [name, secrets.values[name] ?? environment[name]?.trim()] as const)
      .filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = settingsSchema.safeParse(given);
  const wrongByValue = parsed.success
    ? rulesAcross(parsed.data)
    : [
        ...parsed.error.issues.map((issue) => issueLine(issue, given)),
        ...rulesAcross(soundSettings(given, parsed.error)),
      ];
  const problems = [...secrets.problems, ...wrongByValue];
  if (problems.length > 0 || !parsed.success) throw new ConfigError(problems);
  return parsed.data;
}

/** The settings that are right by themselves, where others are not. */
function soundSettings(
  given: Readonly<Record<string, string | undefined>>,
  error: z.ZodError,
): Partial<Config> {
  const wrong = new Set(error.issues.map(({ path }) => path[0]));
  const sound = Object.entries(settings).filter(([name]) => !wrong.has(name));
  return Object.fromEntries(sound.map(([name, schema]) => [name, schema.parse(given[name])]));
}

/** Rules that need two settings; one that is wrong by itself has been named already. */
function rulesAcross(config: Partial<Config>): string[] {
  const { LEASH_RATE_SCALE: rateScale, VASTAI_API_URL: apiUrl } = config;
  const { VASTAI_SESSION_BUDGET_LIMIT: sessionUsd, VASTAI_BUDGET_LIMIT: allUsd } = config;
  const { LEASH_GUARD_MINUTES: guardMinutes, VASTAI_HEALTH_CHECK_INTERVAL_SECONDS: healthSeconds } = config;
  const problems: string[] = [];
  if (
    guardMinutes !== undefined &&
    healthSeconds !== undefined &&
    isGuardHasty(guardMinutes, healthSeconds)
  ) {
    problems.push(
      `LEASH_GUARD_MINUTES (${guardMinutes}) is less than three times VASTAI_HEALTH_CHECK_INTERVAL_SECONDS (${healthSeconds}): guards would end healthy instances between two looks; 0 turns them off`,
    );
  }
  if (rateScale !== undefined && rateScale < 1 && apiUrl !== undefined && !isLoopback(apiUrl)) {
    problems.push(
      'LEASH_RATE_SCALE below 1 is for simulated markets on this machine only; the real one answers 429',
    );
  }
  if (config.VIEWER_TOKEN !== undefined && config.VIEWER_TOKEN === config.ADMIN_TOKEN) {
    problems.push('VIEWER_TOKEN is the same as ADMIN_TOKEN: whoever only looks would hold every right');
  }
  for (const name of ['ADMIN_TOKEN', 'VIEWER_TOKEN'] as const) {
    if (config[name] !== undefined && config[`${name}_FILE`] !== undefined)
      problems.push(`${name} and ${name}_FILE are both set: which of them counts? Leave one out`);
  }
  if (sessionUsd !== undefined && allUsd !== undefined && sessionUsd > allUsd) {
    problems.push(
      `VASTAI_SESSION_BUDGET_LIMIT (${sessionUsd}) is above VASTAI_BUDGET_LIMIT (${allUsd}): no session of that size could ever start`,
    );
  }
  return problems;
}

/** Only supervision's looks keep a guard quiet, and one of them may fail. */
function isGuardHasty(guardMinutes: number, healthSeconds: number): boolean {
  return guardMinutes > 0 && guardMinutes * 60 < 3 * healthSeconds;
}

function issueLine(issue: z.core.$ZodIssue, given: Record<string, unknown>): string {
  const name = String(issue.path[0] ?? '');
  return `${issue.path.join('.')}: ${issue.message} (given: ${isSecret(name) ? '[redacted]' : JSON.stringify(given[name])})`;
}

function isSecret(name: string): boolean {
  const meta = settings[name as keyof typeof settings]?.meta() as { secret?: boolean } | undefined;
  return meta?.secret === true;
}

/** Whether what is sent there can be read by nobody on the way; what is no URL is refused as that. */
function isPrivateWay(address: string): boolean {
  return /^https:/i.test(address) || !URL.canParse(address) || isLoopback(address);
}

/** Whether a URL points at this machine, as every simulated market does. */
export function isLoopback(address: string): boolean {
  const { hostname } = new URL(address);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.[0-9]{1,3}){3}$/.test(hostname);
}

/** The Temporal namespace of an installation: a simulated market shares none with a real one. */
export function namespaceOf(config: Pick<Config, 'TEMPORAL_NAMESPACE' | 'VASTAI_API_URL'>): string {
  return config.TEMPORAL_NAMESPACE ?? (isLoopback(config.VASTAI_API_URL) ? 'leash-simulated' : 'leash');
}

/** Origin of the Web UI whose pages may have payloads decoded; null where none is named. */
export function codecOriginOf(
  config: Pick<Config, 'LEASH_CODEC_ORIGIN' | 'LEASH_TEMPORAL_UI_URL'>,
): string | null {
  const named = config.LEASH_CODEC_ORIGIN ?? config.LEASH_TEMPORAL_UI_URL;
  return named === undefined ? null : new URL(named).origin;
}

/** The settings as they may be shown: secrets read `[redacted]`. */
export function redactedConfig(config: Config): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [
      name,
      isSecret(name) && value !== undefined ? '[redacted]' : value,
    ]),
  );
}

/**
 * Writes `docs/configuration.md` from the schema of settings; `--print` shows it and writes nothing.
 *
 * A setting that no source file but the schema names has no effect yet, and is marked so: the page says
 * what the code does, and needs writing again when a feature arrives.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { settingsSchema } from '../src/config.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const PAGE = join(ROOT, 'docs', 'configuration.md');

function configurationPage() {
  const used = namesUsed();
  const rows = Object.entries(settingsSchema.shape).map(([name, schema]) =>
    rowOf(name, schema, used.has(name)),
  );
  const sections = GROUPS.map(({ title, says, holds }) => {
    const mine = rows.filter(({ name }) => GROUPS.find((group) => group.holds(name))?.holds === holds);
    return mine.length === 0 ? '' : `## ${title}\n\n${says === '' ? '' : `${says}\n\n`}${table(mine)}\n`;
  });
  return `${HEAD}\n${sections.filter((text) => text !== '').join('\n')}\n${ELSEWHERE}`;
}

/** The first group that holds a name has it. */
const GROUPS = [
  {
    title: 'Market and money',
    says: '',
    holds: (/** @type {string} */ name) => name.startsWith('VASTAI_'),
  },
  {
    title: 'What is served',
    says: 'A launch may ask for another model, image or table of GPUs.',
    holds: (/** @type {string} */ name) =>
      /^(HF_TOKEN|LEASH_(MODEL|IMAGE|IMAGE_LOGIN|TIERS|SCORE_WEIGHTS))$/.test(name),
  },
  {
    title: 'Other providers',
    says: '',
    holds: (/** @type {string} */ name) => /^(MODAL|ANTHROPIC)_/.test(name),
  },
  {
    title: 'Gateway',
    says: 'What they do together is told in [gateway](gateway.md).',
    holds: (/** @type {string} */ name) => name.startsWith('GATEWAY_'),
  },
  {
    title: 'Temporal',
    says: 'How payloads are encrypted is told in [encryption](encryption.md).',
    holds: (/** @type {string} */ name) => /^(TEMPORAL_|LEASH_(PAYLOAD|CODEC)_)/.test(name),
  },
  {
    title: 'Addresses, home and access',
    says: '',
    holds: (/** @type {string} */ name) =>
      /^(ADMIN_TOKEN|VIEWER_TOKEN|LEASH_(HOST|PORT|HOME|OWNER|SECRET_FILE|LOG_LEVEL|\w+_PORT))$/.test(name),
  },
  {
    title: 'Sessions and the reaper',
    says: 'A session keeps the values it was launched with. `LEASH_REAP_*` and `LEASH_RATE_SCALE` are those of the worker.',
    holds: () => true,
  },
];

const HEAD = `# Settings

<!-- Written by \`npm run docs:configuration\` from src/config.ts. Change the schema, not this page. -->

Settings are environment variables, read once, when a process starts. An empty value counts as not set. A wrong one
stops the start: every wrong setting is named, with what was given and what is allowed. Secrets are shown nowhere.

Every setting marked **secret** can be given as a file instead: \`HF_TOKEN_FILE=/run/secrets/hf-token\` is \`HF_TOKEN\`
with what that file holds, without the space and new lines around it. Both together are refused, and so is a file that
is empty or cannot be read. \`TEMPORAL_API_KEY_FILE\` works as well. Files are read once, when a process starts.

Minutes and seconds take fractions (\`0.05\`). Money is US dollars. *Not used yet* marks a setting that is read and
checked, and has no effect in this version.

Two rules hold between settings: \`VASTAI_SESSION_BUDGET_LIMIT\` is at most \`VASTAI_BUDGET_LIMIT\`, and
\`LEASH_RATE_SCALE\` below 1 needs a market on this machine.
`;

const ELSEWHERE = `## Read by others than Leash itself

| Variable | Read by | Meaning |
| --- | --- | --- |
| \`LEASH_TEMPORAL_CLI\` | set-up, \`npm start\`, \`npm run demo\` | the \`temporal\` program whose server is to be started |
| \`TEMPORAL_API_KEY\`, \`TEMPORAL_TLS_*\`, \`TEMPORAL_PROFILE\`, \`TEMPORAL_CONFIG_FILE\` | Temporal's client | key, certificates and profiles of a Temporal that is not on this machine |
| \`XDG_CACHE_HOME\` | set-up and workers | where downloaded programs and prepared workflow bundles are kept; \`~/.cache\` when not set |
| \`NO_COLOR\`, \`FORCE_COLOR\` | the command line | colours |
`;

/**
 * @param {string} name
 * @param {z.ZodType} schema
 * @param {boolean} isUsed
 */
function rowOf(name, schema, isUsed) {
  const meta = /** @type {{ description?: string, secret?: boolean }} */ (schema.meta() ?? {});
  const json = /** @type {Record<string, unknown>} */ (
    z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  );
  const marks = [...(meta.secret === true ? ['**secret**'] : []), ...(isUsed ? [] : ['*not used yet*'])];
  const says = [...marks, meta.description ?? ''].join('; ');
  return { name, initial: initialOf(schema), takes: takesOf(name, json), says };
}

/** @param {z.ZodType} schema */
function initialOf(schema) {
  const answer = schema.safeParse(undefined);
  return answer.success && answer.data !== undefined ? `\`${String(answer.data)}\`` : '';
}

/**
 * @param {string} name
 * @param {Record<string, unknown>} json
 */
function takesOf(name, json) {
  if (Array.isArray(json.enum)) return listOf(json.enum.map(String));
  if (json.format === 'uri') return 'URL';
  if (json.type === 'number' || json.type === 'integer') return numberOf(name, json);
  return name === 'LEASH_SCORE_WEIGHTS' ? 'JSON' : 'text';
}

/** @param {string[]} words */
function listOf(words) {
  return words.includes('true') ? '`true` or `false`' : words.map((word) => `\`${word}\``).join(', ');
}

/**
 * @param {string} name
 * @param {Record<string, unknown>} json
 */
function numberOf(name, json) {
  const unit =
    UNITS.find(([end]) => name.endsWith(end))?.[1] ?? (json.type === 'integer' ? 'whole number' : 'number');
  if (json.minimum === 0 && typeof json.maximum === 'number' && json.maximum < 1e6)
    return `${unit}, 0 to ${json.maximum}`;
  return json.minimum === 0 ? `${unit}, 0 or more` : `${unit}, above 0`;
}

const UNITS = /** @type {const} */ ([
  ['_MINUTES', 'minutes'],
  ['_SECONDS', 'seconds'],
  ['_BUDGET_LIMIT', 'USD'],
]);

/** @param {{ name: string, initial: string, takes: string, says: string }[]} rows */
function table(rows) {
  const lines = rows.map(({ name, initial, takes, says }) =>
    [`\`${name}\``, initial, takes, says].map((cell) => cell.replaceAll('|', '\\|')).join(' | '),
  );
  return [
    '| Setting | Default | Takes | Meaning |',
    '| --- | --- | --- | --- |',
    ...lines.map((line) => `| ${line} |`),
  ].join('\n');
}

/** Names of settings that some source file besides the schema writes out. */
function namesUsed() {
  const names = Object.keys(settingsSchema.shape);
  const texts = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
    .filter(
      (entry) =>
        entry.isFile() && entry.name.endsWith('.ts') && !/^(config|gateway-settings)\.ts$/.test(entry.name),
    )
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
  return new Set(names.filter((name) => texts.some((text) => new RegExp(`\\b${name}\\b`).test(text))));
}

const page = configurationPage();
if (process.argv.includes('--print')) process.stdout.write(page);
else writeFileSync(PAGE, page);

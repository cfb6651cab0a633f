import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Client } from '@temporalio/client';
import { parseConfig, redactedConfig } from '../../src/config.ts';
import { openInstallation } from '../../src/installation.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { decodeMessage } from '../../src/temporal/data-converter.ts';
import { PayloadKeys } from '../../src/temporal/payload-keys.ts';
import { eventually } from './eventually.ts';

/** What is looked through: one installation, with everything it told anybody. */
export type ScanSubject = {
  readonly home: string;
  /** What its processes were started with. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly temporal: { readonly address: string; readonly namespace: string };
  /** Names that must be among the sessions read: visibility lags, and is waited for. */
  readonly sessions?: readonly string[];
  /** An HTTP server of it, and the admin token; without it no answer is read. */
  readonly api?: { readonly url: string; readonly token: string };
  readonly log: readonly string[];
  /** More texts by the name of where each was found, such as the output of a process. */
  readonly more?: Readonly<Record<string, string>>;
};

/** `secret` names it (a setting, a file, `key of <label>`); its value is not repeated. */
export type Finding = { readonly secret: string; readonly where: string };

export type SecretsScan = {
  readonly findings: readonly Finding[];
  /** Names of the secrets looked for: a scan that looks for nothing finds nothing. */
  readonly secrets: readonly string[];
  readonly workflows: number;
  readonly events: number;
  readonly texts: number;
  readonly characters: number;
};

/**
 * Looks for every secret of an installation in all that others may read: histories, memos, search attributes,
 * heartbeats and schedules of its namespace, its log, the files of its home that hold no secret, and what its
 * HTTP server answers.
 *
 * Each secret is looked for as it is, as in JSON and in a URL, and in base64 wherever in the encoded text it
 * begins. Keys of instances are those of every label that the texts themselves name.
 */
export async function scanForSecrets(subject: ScanSubject): Promise<SecretsScan> {
  const texts: Text[] = [
    ...subject.log.map((text, index) => ({ where: `log line ${index + 1}`, text })),
    ...Object.entries(subject.more ?? {}).map(([where, text]) => ({ where, text })),
    ...readHome(subject.home),
  ];
  const told = await readTemporal(subject, texts);
  if (subject.api !== undefined) await readAnswers(subject.api, told.sessions, texts);
  const secrets = [...secretsOf(subject), ...keysOf(subject, texts)];
  return {
    findings: texts.flatMap(({ where, text }) =>
      secrets.filter((secret) => holds(text, secret)).map(({ name }) => ({ secret: name, where })),
    ),
    secrets: secrets.map(({ name }) => name),
    workflows: told.workflows,
    events: told.events,
    texts: texts.length,
    characters: texts.reduce((sum, { text }) => sum + text.length, 0),
  };
}

type Text = { readonly where: string; readonly text: string };
type Secret = { readonly name: string; readonly forms: readonly string[] };

/** Files of the home that hold secrets, which is what they are for. */
const SECRET_FILES = ['secret', 'admin-token', join('ca', 'ca-key.pem')];

function secretsOf({ environment, home }: ScanSubject): Secret[] {
  const shown = redactedConfig(parseConfig(environment));
  const settings = Object.keys(shown)
    .filter((name) => shown[name] === '[redacted]')
    .flatMap((name) => partsOf(environment[name] ?? '').map((value) => toSecret(name, value)));
  const files = SECRET_FILES.filter((file) => existsSync(join(home, file))).flatMap((file) =>
    // Of a PEM the lines in the middle: its first and last are in every such file.
    readFileSync(join(home, file), 'utf8')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line.length >= LENGTH_MIN && !line.startsWith('-----'))
      .map((line) => toSecret(file, line)),
  );
  return [...settings, ...files, ...payloadKeysOf(environment), toSecret('a private key', 'PRIVATE KEY')];
}

function payloadKeysOf({ LEASH_PAYLOAD_KEYS_FILE: file }: ScanSubject['environment']): Secret[] {
  const lines = file === undefined ? [] : readFileSync(file, 'utf8').split('\n');
  return lines.flatMap((line) => {
    const [id, key] = line.split(' ');
    return key === undefined ? [] : [toSecret(`payload key ${id}`, key)];
  });
}

/** Shorter ones would be found in ordinary words. */
const LENGTH_MIN = 8;

/** The whole, the password in a login or a URL, and the path of a webhook, which is its key. */
function partsOf(value: string): string[] {
  const password = /(?:^|\s)-p\s+(\S+)/.exec(value)?.[1] ?? /:\/\/[^/@:]*:([^@/]+)@/.exec(value)?.[1];
  const path = /^https?:\/\/[^/]+(\/.*)$/.exec(value)?.[1];
  return [value, password ?? '', path ?? ''].filter((part) => part.length >= LENGTH_MIN);
}

function keysOf({ home }: ScanSubject, texts: readonly Text[]): Secret[] {
  const installation = openInstallation({ home });
  const label = new RegExp(`leash\\.${installation.owner}\\.[a-z0-9-]+\\.[a-z0-9]+\\.[0-9]+\\.x[0-9]+`, 'g');
  const labels = new Set(texts.flatMap(({ text }) => text.match(label) ?? []));
  return [...labels].map((one) => toSecret(`key of ${one}`, installation.instanceKey(one)));
}

function toSecret(name: string, value: string): Secret {
  const asJson = JSON.stringify(value).slice(1, -1);
  const inBase64 = [value, asJson].flatMap(base64Forms);
  return { name, forms: [...new Set([value, asJson, encodeURIComponent(value), ...inBase64])] };
}

/** What of it is the same in base64 whatever stands around it: it may begin at any of three places in a group. */
function base64Forms(value: string): string[] {
  return [0, 1, 2].flatMap((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(value, 'utf8')]);
    const first = Math.ceil((before * 8) / 6);
    const last = Math.floor((bytes.length * 8) / 6);
    const form = bytes.toString('base64').slice(first, last);
    return [form, form.replaceAll('+', '-').replaceAll('/', '_')];
  });
}

function holds(text: string, { forms }: Secret): boolean {
  return forms.some((form) => text.includes(form));
}

/** Everything in the home but what is meant to be secret. Databases are read as they lie there. */
function readHome(home: string): Text[] {
  return readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !SECRET_FILES.includes(relative(home, file)))
    .map((file) => ({ where: `file ${relative(home, file)}`, text: readFileSync(file, 'latin1') }));
}

const AT_ONCE = 8;

async function readTemporal(
  { temporal, environment, sessions = [] }: ScanSubject,
  texts: Text[],
): Promise<{ workflows: number; events: number; sessions: Set<string> }> {
  const payloadKeys = new PayloadKeys(environment.LEASH_PAYLOAD_KEYS_FILE);
  const { client, close } = await connectClient({ ...temporal, payloadKeys });
  const told = { workflows: 0, events: 0, sessions: new Set<string>() };
  try {
    const runs = await listRuns(client, sessions);
    for (let from = 0; from < runs.length; from += AT_ONCE) {
      const batch = runs.slice(from, from + AT_ONCE);
      for (const events of await Promise.all(batch.map((run) => readRun(client, run, texts))))
        told.events += events;
    }
    told.workflows = runs.length;
    for (const { workflowId } of runs) {
      const session = /^session\/(.+)$/.exec(workflowId)?.[1];
      if (session !== undefined) told.sessions.add(session);
    }
    for await (const { scheduleId } of client.schedule.list()) {
      const { raw } = await client.schedule.getHandle(scheduleId).describe();
      await decodeMessage(client, raw);
      texts.push({ where: `schedule ${scheduleId}`, text: plainText(raw) });
    }
    return told;
  } finally {
    await close();
  }
}

async function listRuns(
  client: Client,
  sessions: readonly string[],
): Promise<{ workflowId: string; runId: string }[]> {
  return eventually('visibility lists every session that is to be read', async () => {
    const runs: { workflowId: string; runId: string }[] = [];
    for await (const { workflowId, runId } of client.workflow.list()) runs.push({ workflowId, runId });
    const isListed = (name: string) => runs.some(({ workflowId }) => workflowId === `session/${name}`);
    return sessions.every(isListed) ? runs : null;
  });
}

async function readRun(
  client: Client,
  { workflowId, runId }: { workflowId: string; runId: string },
  texts: Text[],
): Promise<number> {
  const handle = client.workflow.getHandle(workflowId, runId);
  const [described, history] = await Promise.all([handle.describe(), handle.fetchHistory()]);
  await decodeMessage(client, [described.raw, history]);
  texts.push({ where: `${workflowId}: description with memo`, text: plainText(described.raw) });
  const events = history.events ?? [];
  for (const event of events) {
    texts.push({ where: `${workflowId}: event ${event.eventId}`, text: plainText(event) });
  }
  return events.length;
}

/** Whatever was decoded, as one text: names and values, bytes as the text they are. */
function plainText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (Array.isArray(value)) return value.map(plainText).join('\n');
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([name, inner]) => `${name} ${plainText(inner)}`)
    .join('\n');
}

const ANSWERS = [
  '/healthz',
  '/readyz',
  '/metrics',
  '/api/openapi.json',
  '/v1/models',
  '/api/admin/sessions',
  '/api/admin/budget',
  '/api/admin/costs',
  '/api/admin/costs?format=csv',
  '/api/admin/offers?explain=true',
  '/api/admin/schedules',
  '/api/admin/notifications',
];

const ANSWERS_OF_SESSION = [
  (name: string) => `/api/admin/vllm/status?session=${name}`,
  (name: string) => `/api/admin/sessions/${name}/events`,
  (name: string) => `/api/admin/sessions/${name}/logs`,
];

const ANSWER_TIMEOUT_MS = 30_000;

async function readAnswers(
  { url, token }: { url: string; token: string },
  sessions: ReadonlySet<string>,
  texts: Text[],
): Promise<void> {
  const paths = [
    ...ANSWERS,
    ...[...sessions].flatMap((name) => ANSWERS_OF_SESSION.map((path) => path(name))),
  ];
  for (const path of paths) {
    const answer = await fetch(`${url}${path}`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
    texts.push({ where: `answer ${answer.status} of ${path}`, text: `${headers}\n${await answer.text()}` });
  }
}

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findTemporalCli } from '../../scripts/find-temporal.mjs';
import type { SessionsAnswer, TimelineAnswer } from '../../src/admin/answers.ts';
import type { NotificationsAnswer } from '../../src/admin/notification-answers.ts';
import type { Check } from '../../src/cli/doctor/check.ts';
import { checkReadable } from '../../src/cli/doctor/encryption.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { PayloadKeys } from '../../src/temporal/payload-keys.ts';
import { eventually } from '../support/eventually.ts';
import { type KeysFile, keysFile } from '../support/payload-keys.ts';
import { plainText } from '../support/plain-text.ts';
import { scanForSecrets } from '../support/secrets-scan.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';
import { readablePayloads, readStored, textsIn } from '../support/stored-messages.ts';

const MODEL = 'Qwen/Qwen2.5-0.5B-Instruct';

let keys: KeysFile;
beforeEach(() => {
  keys = keysFile('k1');
});
afterEach(() => keys[Symbol.dispose]());

const withKeys = (): Record<string, string> => ({ LEASH_PAYLOAD_KEYS_FILE: keys.path });

test('with encryption on, a session goes from launch to receipt and nothing stored of it can be read', async () => {
  const webhook = 'http://127.0.0.1:9/nobody-listens';
  await using stack = await startStack({ settings: { ...withKeys(), LEASH_WEBHOOK_URL: webhook } });
  const { api } = stack;
  // What goes wrong is told in most words: a create, an extension and a notification that fail.
  await stack.faults({ call: 'create', fault: 'offer-gone', times: 1 });
  await api.launched(aLaunch({ model: MODEL }));
  const ready = await api.supervised('default');
  const { label = '' } = ready.attempts.at(-1) ?? {};
  expect((await api.extend('default', 7)).status).toBe(200);
  const { body: listed } = await api.admin<SessionsAnswer>('GET', 'sessions');
  expect(listed.items).toMatchObject([{ session: 'default', model: MODEL, budget_usd: 1 }]);
  await api.admin('POST', 'schedules', {
    ...{ id: 'office', days: 'weekdays', from: '09:00', to: '17:00', timezone: 'Europe/Berlin' },
    launch: { model: MODEL },
  });
  const refused = await api.extend('default', 10_000);
  expect(refused.body.detail).toMatch(/beyond its lifetime/);
  await eventually('a notification failed, and why can be read', async () => {
    const { body } = await api.admin<NotificationsAnswer>('GET', 'notifications');
    return body.items.some(({ detail }) => /ECONNREFUSED.*tried [2-9] times/.test(detail));
  });
  const whileReady = await readStored(stack.temporal);
  const receipt = await api.destroyed('default');
  expect(receipt).toMatchObject({ outcome: 'completed', attempts: [{}, {}] });

  const scan = await scanForSecrets({
    home: stack.environment.LEASH_HOME ?? '',
    ...{ environment: stack.environment, temporal: stack.temporal, log: stack.log, sessions: ['default'] },
    api: { url: api.url, token: stack.token },
  });
  expect(scan.findings).toEqual([]);
  expect(scan.secrets).toContain('payload key k1');

  const timeline = await api.admin<TimelineAnswer>('GET', 'sessions/default/events');
  const titles = timeline.body.items.map(({ title }) => title);
  for (const told of ['The market refused the create', 'READY', 'Extension asked for: 7 min'])
    expect(titles).toContain(told);
  expect(titles.at(-1)).toMatch(/^Ended: completed/);

  const stored = [...whileReady, ...(await readStored(stack.temporal))];
  const readable = stored.flatMap(({ where, message }) => [
    ...readablePayloads(message, where, ['searchAttributes']),
  ]);
  // Which patches of ours a run knows is written by the SDK itself, past every codec.
  expect(readable.filter(({ path }) => !path.includes('.details.patch-data.'))).toEqual([]);
  const texts = stored
    .flatMap(({ where, message }) => [...textsIn(message, where)])
    .filter(({ path }) => !path.includes('searchAttributes'));
  const words = [
    MODEL,
    label,
    ready.endpoint ?? '',
    'RTX',
    'no_such_ask',
    stack.market.url,
    'nobody-listens',
    'ECONN',
  ];
  expect(texts.filter(({ text }) => words.some((word) => text.includes(word)))).toEqual([]);
  // That what was looked for could have been found: all of it is there, encrypted.
  const encrypted = texts.filter(({ text }) => text === 'binary/encrypted').map(({ path }) => path);
  for (const kind of [
    ...['memo.fields.model', 'heartbeatDetails', 'userMetadata.summary', 'acceptedRequest.input.args'],
    ...['activityTaskScheduledEventAttributes.input', 'activityTaskCompletedEventAttributes.result'],
    ...['workflowExecutionStartedEventAttributes.input', 'outcome.success', 'upsertedMemo.fields.label'],
    ...['startWorkflow.input', 'workflowExecutionCompletedEventAttributes.result', 'row of schedule'],
    ...['pendingActivities.0.lastFailure.encodedAttributes'],
  ])
    expect([kind, encrypted.some((path) => path.includes(kind))]).toEqual([kind, true]);
});

test('the command line of Temporal shows a history through the endpoint, and without it nothing', async () => {
  await using stack = await startStack({ settings: { ...withKeys(), VIEWER_TOKEN: 'a-viewer-of-tests' } });
  await stack.api.launched(aLaunch({ model: MODEL }));
  await stack.api.ready('default');
  expect(await showHistory(stack)).not.toContain(MODEL);
  expect(await showHistory(stack, 'Bearer a-viewer-of-tests')).toContain(MODEL);
  await stack.api.destroyed('default');
});

test('encryption is turned on and its key rotated with a session open, and nothing restarted', async () => {
  keys.write('none', 'k1');
  const policy = { historyEventsMax: 60, sliceMs: 1_500 };
  await using stack = await startStack({ settings: withKeys(), policy });
  const { api } = stack;
  await api.launched(aLaunch({ model: MODEL }));
  await api.ready('default');
  expect(await keyIdsOf(stack)).toEqual(new Set());
  keys.write('k1');
  await extendUntil(stack, 'k1');
  keys.write('k1', 'k2');
  await extendUntil(stack, 'k1');
  keys.write('k2', 'k1');
  await extendUntil(stack, 'k2');
  await eventually('a new run has all of its memo by the new key', async () => {
    const stored = (await readStored(stack.temporal)).filter(
      ({ where }) => where === 'row of session/default',
    );
    const ids = stored.map(({ message }) =>
      [...textsIn(message, '')].find(({ path }) => path === '.memo.fields.model.metadata.encryption-key-id'),
    );
    return ids.some((id) => id?.text === 'k2');
  });
  // A worker that comes anew reads it from its first event on.
  await stack.stopWorker();
  await stack.startWorker();
  expect(await api.destroyed('default')).toMatchObject({ outcome: 'completed' });
  const { body } = await api.admin<TimelineAnswer>('GET', 'sessions/default/events');
  const titles = body.items.map(({ title }) => title);
  expect(titles).toEqual(expect.arrayContaining(['Launched', 'READY', 'Extension asked for: 1 min']));
  expect(titles.at(-1)).toMatch(/^Ended: completed/);
});

test('a worker that lacks a key says which, keeps the session open, and goes on once it has it', async () => {
  const behind = keys.beside('k1');
  keys.write('k2', 'k1');
  await using stack = await startStack({ settings: withKeys(), worker: 'none' });
  const worker = await stack.workerProcess({ LEASH_PAYLOAD_KEYS_FILE: behind.path });
  expect((await stack.api.launch(aLaunch({ model: MODEL }))).body).toMatchObject({ accepted: null });
  await eventually('the worker names the key', async () => /key \\*"k2\\*", which/.test(worker.output()));
  expect((await stack.api.status('default')).state).toBe('SEARCHING');
  behind.write('k1', 'k2');
  await stack.api.ready('default');
  expect(await stack.api.destroyed('default')).toMatchObject({ outcome: 'completed' });
});

test('without the key a worker does not start, and the server says which key it lacks', async () => {
  await using stack = await startStack({ settings: withKeys() });
  await stack.api.launched(aLaunch({ model: MODEL }));
  await stack.api.ready('default');
  await stack.stopWorker();
  expect(await whatDoctorReads(stack, new PayloadKeys(keys.path))).toMatchObject({
    verdict: 'ok',
    says: expect.stringMatching(/^All \d+ events of session\/default can be read/),
  });
  expect(await whatDoctorReads(stack, new PayloadKeys())).toMatchObject({
    verdict: 'broken',
    says: expect.stringContaining('encrypted with key "k1"'),
  });
  keys.write('k2');
  const answer = await eventually('the server reads the file again', async () => {
    const status = await stack.api.admin<{ detail: string }>('GET', 'vllm/status');
    return status.status === 200 ? null : status;
  });
  expect(answer).toMatchObject({ status: 503, body: { kind: 'temporal-unreachable' } });
  expect(answer.body.detail).toMatch(/encrypted with key "k1", which LEASH_PAYLOAD_KEYS_FILE does not hold/);
  await expect(stack.startWorker()).rejects.toThrow(/encrypted with key "k1"/);
  keys.write('k2', 'k1');
  await stack.startWorker();
  await stack.api.destroyed('default');
});

async function whatDoctorReads({ temporal }: Stack, payloadKeys: PayloadKeys): Promise<Check> {
  const { client, close } = await connectClient({ ...temporal, payloadKeys });
  return checkReadable(client).finally(close);
}

const run = promisify(execFile);

async function showHistory({ temporal, api }: Stack, auth?: string): Promise<string> {
  const cli = findTemporalCli();
  if (cli.kind === 'missing') throw new Error(cli.why);
  const args = [
    ...['workflow', 'show', '--workflow-id', 'session/default', '--output', 'json'],
    ...['--address', temporal.address, '--namespace', temporal.namespace],
    ...(auth === undefined ? [] : ['--codec-endpoint', `${api.url}/codec`, '--codec-auth', auth]),
  ];
  const { stdout } = await run(cli.path, args, { timeout: 30_000, maxBuffer: 64 * 1_024 * 1_024 });
  return plainText(JSON.parse(stdout));
}

/** Ids of the keys of what is stored of the session's newest run. */
async function keyIdsOf({ temporal }: Stack): Promise<Set<string>> {
  const stored = (await readStored(temporal)).filter(({ where }) => where.startsWith('session/default'));
  const texts = stored.flatMap(({ where, message }) => [...textsIn(message, where)]);
  return new Set(texts.filter(({ path }) => path.endsWith('.encryption-key-id')).map(({ text }) => text));
}

/** Extended again and again, until what is stored of it by that key is there. */
async function extendUntil(stack: Stack, keyId: string): Promise<void> {
  await eventually(`what is new is encrypted with ${keyId}`, async () => {
    expect((await stack.api.extend('default', 1)).status).toBe(200);
    return (await keyIdsOf(stack)).has(keyId);
  });
}

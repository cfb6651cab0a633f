import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import type { NotificationsAnswer, NotificationTestAnswer, ProblemAnswer } from '../../src/admin/answers.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { sessionWorkflowId } from '../../src/workflows/ids.ts';
import { runLeash } from '../cli/run-leash.ts';
import { eventually } from '../support/eventually.ts';
import { type Received, type Receiver, startReceiver } from '../support/receiver.ts';
import { scanForSecrets } from '../support/secrets-scan.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

const SECRET_BYTES = Buffer.from('an-installation-signs-with-this!');
const SECRET = `whsec_${SECRET_BYTES.toString('base64')}`;
const PATIENT = { withinMs: 90_000, everyMs: 200 };

type Told = { id: string; kind: string; at: string; session: string | null; text: string; data: object };

function settingsFor(webhook: Receiver, slack?: Receiver): Record<string, string> {
  return {
    LEASH_WEBHOOK_URL: `${webhook.url}/hooks/token-of-the-webhook`,
    LEASH_WEBHOOK_SECRET: SECRET,
    ...(slack && { LEASH_SLACK_WEBHOOK_URL: `${slack.url}/services/token-of-slack` }),
  };
}

const toldBy = (posts: readonly Received[]) => posts.map(({ body }) => JSON.parse(body) as Told);
const idsOf = (posts: readonly Received[]) => [...new Set(toldBy(posts).map(({ id }) => id))].sort();

/** As a receiver does it, knowing nothing of the sender but the scheme. */
function isSigned({ headers, body }: Received): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = headers;
  const mac = createHmac('sha256', SECRET_BYTES).update(`${id}.${timestamp}.${body}`).digest('base64');
  return signature === `v1,${mac}` && id === (JSON.parse(body) as Told).id;
}

async function continuedAsNew({ temporal }: Stack, session: string): Promise<void> {
  const { client, close } = await connectClient(temporal);
  const runOf = async () => (await client.workflow.getHandle(sessionWorkflowId(session)).describe()).runId;
  try {
    const first = await runOf();
    await eventually('it goes on in a new run', async () => (await runOf()) !== first, PATIENT);
  } finally {
    await close();
  }
}

async function newest({ api }: Stack): Promise<NotificationsAnswer> {
  const { status, body } = await api.admin<NotificationsAnswer>('GET', 'notifications');
  if (status !== 200) throw new Error(`notifications: ${status} ${JSON.stringify(body)}`);
  return body;
}

test('each event arrives though the receiver fails and hangs and the worker is killed over it, signed, and under one id', {
  timeout: 240_000,
}, async () => {
  await using webhook = await startReceiver();
  await using slack = await startReceiver();
  await using stack = await startStack({ worker: 'none', settings: settingsFor(webhook, slack) });
  const { api } = stack;
  const first = await stack.workerProcess();
  const posts = () => webhook.received.length;

  webhook.always('hang');
  slack.behave(500, 'reset', { status: 429, headers: { 'retry-after': '2' } });
  await api.launched(aLaunch({ session: 'told' }));
  await api.ready('told');
  await eventually('READY is being told', () => posts() >= 1, PATIENT);
  await first.kill();
  webhook.always(200);
  webhook.behave({ status: 429, headers: { 'retry-after': '1' } }, 500, 503);
  const second = await stack.workerProcess();
  await api.destroyed('told');

  await eventually('both events were taken', () => idsOf(webhook.taken).length >= 2, PATIENT);
  await eventually('Slack took both', () => slack.taken.length >= 2, PATIENT);
  const ids = idsOf(webhook.taken);
  expect(ids).toEqual([
    expect.stringMatching(/^told\.[a-z0-9]{10}\.destroyed$/),
    expect.stringMatching(/^told\.[a-z0-9]{10}\.ready\.1$/),
  ]);
  // Nothing was ever sent under another id, and each try of an event says the same.
  expect(idsOf(webhook.received)).toEqual(ids);
  for (const id of ids)
    expect(
      new Set(webhook.received.filter(({ body }) => body.includes(`"id":"${id}"`)).map(({ body }) => body))
        .size,
    ).toBe(1);
  expect(webhook.received.length).toBeGreaterThanOrEqual(5);
  expect(webhook.received.every(isSigned)).toBe(true);
  expect(new Set(webhook.received.map(({ path }) => path))).toEqual(new Set(['/hooks/token-of-the-webhook']));

  const shown = slack.taken.map(({ body }) => JSON.parse(body) as { text: string; blocks: object[] });
  expect(shown.map(({ text }) => text.split('\n')[0]).sort()).toEqual([
    expect.stringMatching(/^told ended: requested, \$/),
    expect.stringMatching(/^told is READY on /),
  ]);
  for (const { blocks } of shown) expect(blocks).toMatchObject([{ type: 'section' }, { type: 'context' }]);

  const items = await eventually('the list says so', async () => {
    const { items } = await newest(stack);
    return items.length >= 2 && items.every(({ state }) => state === 'delivered') ? items : null;
  });
  expect(items.map(({ kind }) => kind)).toEqual(['destroyed', 'ready']);
  expect(items[0]).toMatchObject({
    session: 'told',
    detail: expect.stringMatching(/^webhook: delivered \(200.*; slack: delivered/),
  });

  const scan = await scanForSecrets({
    sessions: ['told'],
    home: stack.environment.LEASH_HOME ?? '',
    environment: stack.environment,
    temporal: stack.temporal,
    api: { url: api.url, token: stack.token },
    log: stack.log,
    more: { 'output of the first worker': first.output(), 'output of the second': second.output() },
  });
  expect(scan.findings).toEqual([]);
  expect(scan.secrets).toEqual(
    expect.arrayContaining(['LEASH_WEBHOOK_URL', 'LEASH_WEBHOOK_SECRET', 'LEASH_SLACK_WEBHOOK_URL']),
  );
});

test('a webhook that takes nothing delays no teardown, and why it does not is shown meanwhile', async () => {
  await using webhook = await startReceiver();
  webhook.always({ status: 503, headers: { 'retry-after': '600' } });
  await using stack = await startStack({ settings: settingsFor(webhook) });
  const { api } = stack;
  await api.launched(aLaunch({ session: 'quiet' }));
  await api.ready('quiet');
  const receipt = await api.destroyed('quiet');
  expect(receipt.outcome).toBe('completed');
  await eventually('the list says why', async () => {
    const { items } = await newest(stack);
    return items.length === 2 && items.every(({ detail }) => detail.includes('it answered 503'));
  });
  expect((await newest(stack)).items.map(({ state }) => state)).toEqual(['pending', 'pending']);
});

test('a session that continues as new tells of READY once', async () => {
  await using webhook = await startReceiver();
  const policy = { historyEventsMax: 40, sliceMs: 1_500 };
  await using stack = await startStack({ settings: settingsFor(webhook), policy });
  const { api } = stack;
  await api.launched(aLaunch({ session: 'long' }));
  await api.ready('long');
  await continuedAsNew(stack, 'long');
  await api.destroyed('long');
  await eventually('both were taken', () => webhook.taken.length >= 2, PATIENT);
  expect(
    toldBy(webhook.taken)
      .map(({ kind }) => kind)
      .sort(),
  ).toEqual(['destroyed', 'ready']);
});

test('an orphan that the reaper finds at its start is told of', async () => {
  await using webhook = await startReceiver();
  await using stack = await startStack({ worker: 'none', settings: settingsFor(webhook) });
  const [orphan] = await stack.rentForOthers([`leash.${stack.owner}.lost.abcdefghij.1.x1700000000`]);
  await stack.startWorker();
  const [post] = await eventually(
    'it is told',
    () => (webhook.taken.length > 0 ? webhook.taken : null),
    PATIENT,
  );
  expect(toldBy([post as Received])).toMatchObject([
    { id: `orphan.${orphan}`, kind: 'orphan-reaped', session: 'lost', data: { instance_id: orphan } },
  ]);
});

test('the test button says what each target answered', async () => {
  await using webhook = await startReceiver();
  await using slack = await startReceiver();
  const VIEWER_TOKEN = 'viewer-token-of-this-test';
  await using stack = await startStack({ settings: { ...settingsFor(webhook, slack), VIEWER_TOKEN } });
  const { api } = stack;
  const button = (extra = {}) =>
    api.admin<NotificationTestAnswer & ProblemAnswer>('POST', 'notifications/test', undefined, extra);
  slack.behave({ status: 404, body: 'no_service' });
  expect(await button()).toMatchObject({
    status: 200,
    body: {
      targets: [
        { target: 'webhook', delivered: true, detail: '200' },
        { target: 'slack', delivered: false, detail: 'refused: it answered 404 (no_service)' },
      ],
    },
  });
  expect(webhook.received.every(isSigned)).toBe(true);
  expect(toldBy(webhook.received)).toMatchObject([{ kind: 'test', session: null }]);
  expect(await button({ token: VIEWER_TOKEN })).toMatchObject({ status: 403, body: { kind: 'forbidden' } });

  const env = { ADMIN_TOKEN: stack.token, LEASH_PORT: new URL(api.url).port };
  slack.always({ status: 500 });
  const tested = await runLeash(['notifications', 'test'], { env });
  expect(tested.code).not.toBe(0);
  expect(tested.out).toMatch(/^webhook: delivered \(200\)$/m);
  expect(tested.out).toMatch(/^slack: not delivered, it answered 500; tried [2-9] times, and tried again$/m);
  const listed = await runLeash(['notifications'], { env });
  expect(listed.code).toBe(0);
  expect(listed.out).toMatch(/^Told by webhook and slack\.$/m);
  expect(listed.out).toMatch(
    / test +failed +A test of Leash’s notifications +webhook: delivered \(200\); slack: failed/,
  );
});

test('where nothing is configured nobody is told, and the test button names the settings', async () => {
  await using stack = await startStack();
  const { status, body } = await stack.api.admin<ProblemAnswer>('POST', 'notifications/test');
  expect(status).toBe(409);
  expect(body).toMatchObject({
    kind: 'conflict',
    detail: expect.stringMatching(/LEASH_WEBHOOK_URL.*LEASH_SLACK_WEBHOOK_URL/),
  });
  expect(await newest(stack)).toEqual({ items: [], targets: [] });
  const listed = await runLeash(['notifications'], {
    env: { ADMIN_TOKEN: stack.token, LEASH_PORT: new URL(stack.api.url).port },
  });
  expect(listed.out).toContain('neither LEASH_WEBHOOK_URL nor LEASH_SLACK_WEBHOOK_URL is set');
});

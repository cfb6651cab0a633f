import { pino } from 'pino';
import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { openTracing } from '../../src/tracing/tracing.ts';
import { eventually } from '../support/eventually.ts';
import { startHttpEdge } from '../support/http-edge.ts';
import { endJson, startProvider } from '../support/providers.ts';
import { scanForSecrets } from '../support/secrets-scan.ts';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';
import { type Collector, type Span, startCollector } from './collector.ts';
import { pathOf } from './tree.ts';

const CALLER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const TRACEPARENT = { traceparent: `00-${CALLER.traceId}-${CALLER.spanId}-01` };
const SAID = 'what the user said to the model';
const SECRETS = {
  HF_TOKEN: 'hf_canaryAAAAAAAAAAAAAAAAAAAA',
  OTEL_EXPORTER_OTLP_HEADERS: 'x-collector-key=canary%20of%20the%20collector',
};

test('one trace leads from the caller through launch, workflow and activity to each call of the market', async () => {
  await using collector = await startCollector();
  await using stack = await startStack({
    settings: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...SECRETS },
  });
  await stack.api.launched(aLaunch(), { headers: TRACEPARENT });
  await stack.api.ready('default');
  await chat(stack, TRACEPARENT);
  await stack.api.destroyed('default');
  await spanOf(collector, 'RunWorkflow:gpuSession');

  const ours = collector.spans.filter(({ traceId }) => traceId === CALLER.traceId);
  const paths = ours.map((span) => pathOf(span, ours));
  const launch = ours.find(({ name }) => name === 'POST /api/admin/vllm/launch');
  expect(launch).toMatchObject({ parentSpanId: CALLER.spanId, kind: 'server', isError: false });
  const session = ['POST /api/admin/vllm/launch', 'UpdateWithStartWorkflow:open', 'RunWorkflow:gpuSession'];
  const within = (activity: string, call: string) => [
    ...session,
    `StartActivity:${activity}`,
    `RunActivity:${activity}`,
    call,
  ];
  for (const [activity, call] of [
    ['searchOffers', 'market search'],
    ['rentInstance', 'market create'],
    ['awaitRunning', 'market list'],
    ['destroyInstance', 'market destroy'],
    ['confirmGone', 'market show'],
    ['readCharges', 'market charges'],
    ['grantAttempt', 'StartWorkflowUpdate:grant'],
  ] as const)
    expect(paths).toContainEqual(within(activity, call));
  expect(paths).toContainEqual(['POST /v1/chat/completions', 'attempt vastai']);
  await spanOf(collector, 'RunActivity:superviseInstance');
  // Nothing went wrong: supervision that was called off is no error.
  expect(collector.spans.filter(({ isError }) => isError)).toEqual([]);
  expect(ours.find(({ name }) => name === 'market create')).toMatchObject({
    kind: 'client',
    attributes: { 'leash.market.outcome': 'created', 'http.response.status_code': 200 },
  });
});

test('what holds a secret, or what was said to a model, is in no span', async () => {
  await using collector = await startCollector();
  await using stack = await startStack({
    settings: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...SECRETS },
  });
  await stack.faults({ call: 'create', fault: 'offer-gone', times: 1 });
  await stack.api.launched(aLaunch());
  await stack.api.ready('default');
  await chat(stack, {});
  await stack.api.destroyed('default');
  await spanOf(collector, 'RunWorkflow:gpuSession');

  const scan = await scanForSecrets({
    home: stack.environment.LEASH_HOME ?? '',
    environment: stack.environment,
    temporal: stack.temporal,
    sessions: ['default'],
    log: stack.log,
    more: { spans: collector.texts.join('\n') },
  });
  expect(scan.findings).toEqual([]);
  expect(scan.secrets).toEqual(expect.arrayContaining(['HF_TOKEN', 'OTEL_EXPORTER_OTLP_HEADERS']));
  expect(collector.texts.join('\n')).not.toMatch(/canary|Bearer|what the user said|select_filters|api_key/);
  expect(collector.texts.join('\n')).toContain('market create');
  expect(collector.headers.at(0)).toMatchObject({ 'x-collector-key': 'canary of the collector' });
});

test('each attempt at a provider is told, the one that failed and the one that answered', async () => {
  await using collector = await startCollector();
  await using first = await startProvider('first', (response) => endJson(response, 500, { error: 'broken' }));
  await using second = await startProvider('second');
  const settings = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    GATEWAY_PROVIDERS: JSON.stringify(
      [first, second].map(({ url }, at) => ({ name: `number-${at + 1}`, url, models: ['m'] })),
    ),
    GATEWAY_ORDER: 'number-1,number-2',
  };
  const tracing = await openTracing(parseConfig(settings), pino({ enabled: false }));
  await using edge = await startHttpEdge({ settings, tracing });
  const answer = await edge.ask('/v1/chat/completions', {
    json: { model: 'm', messages: [{ role: 'user', content: SAID }] },
  });
  expect(answer.status).toBe(200);
  await tracing?.close();

  const request = await spanOf(collector, 'POST /v1/chat/completions');
  expect(request).toMatchObject({
    parentSpanId: null,
    attributes: { 'http.response.status_code': 200, 'leash.attempts': 2 },
  });
  const attempts = collector.spans.filter(({ parentSpanId }) => parentSpanId === request.spanId);
  expect(attempts).toMatchObject([
    { name: 'attempt number-1', isError: true, attributes: { 'leash.attempt.came': 'server-error' } },
    { name: 'attempt number-2', isError: false, attributes: { 'leash.attempt.came': 'answered' } },
  ]);
});

test.each([
  ['nobody listens', async () => ({ url: 'http://127.0.0.1:9', [Symbol.asyncDispose]: async () => {} })],
  ['it never answers', () => startCollector({ isMute: true })],
])('a collector that is dead ends nothing and holds up nothing: %s', async (_how, open) => {
  await using collector = await open();
  const stack = await startStack({ settings: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } });
  try {
    await stack.api.launched(aLaunch());
    await stack.api.ready('default');
    await chat(stack, {});
    await stack.api.destroyed('default');
  } finally {
    const stoppingAtMs = performance.now();
    await stack[Symbol.asyncDispose]();
    expect(performance.now() - stoppingAtMs).toBeLessThan(20_000);
  }
});

async function spanOf(collector: Collector, name: string): Promise<Span> {
  return eventually(`the span ${name} is sent`, async () =>
    collector.spans.find((span) => span.name === name),
  );
}

async function chat({ api, token }: Stack, headers: Readonly<Record<string, string>>): Promise<void> {
  const answer = await fetch(`${api.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ messages: [{ role: 'user', content: SAID }], max_tokens: 4 }),
    signal: AbortSignal.timeout(10_000),
  });
  expect(answer.status).toBe(200);
  await answer.text();
}

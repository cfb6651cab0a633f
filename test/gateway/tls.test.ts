import { request } from 'undici';
import { expect, test } from 'vitest';
import { openAuthority } from '../../src/certificates.ts';
import type { ServingSession } from '../../src/client.ts';
import { BREAKER_RULES } from '../../src/gateway/breaker.ts';
import { makeVastai } from '../../src/gateway/providers/vastai.ts';
import { NOT_SWITCHED, Switchboard } from '../../src/gateway/switchboard.ts';
import { startHttpEdge } from '../support/http-edge.ts';
import { type IMPOSTORS, startImpostor } from '../support/impostors.ts';
import { chat, labelOf, MODEL, serveAt, serveTlsVllm, until } from './upstreams.ts';

test('an instance with the certificate made for it is used by TLS, over one connection that is kept', async () => {
  await using edge = await startHttpEdge();
  await using upstream = await serveTlsVllm(edge);
  for (let request = 0; request < 5; request += 1) {
    const answer = await edge.ask('/v1/chat/completions', { json: chat({ model: MODEL }) });
    expect(answer.status).toBe(200);
    await answer.text();
  }
  expect(upstream.handshakes()).toBe(1);
});

test.each<[(typeof IMPOSTORS)[number]]>([['plain HTTP'], ['another authority'], ['another instance']])(
  'who sits at the address of an instance with %s gets neither key nor prompt',
  async (kind) => {
    await using edge = await startHttpEdge();
    const place = { home: edge.installation.home, label: labelOf('default') };
    await using impostor = await startImpostor(kind, place);
    serveAt(edge, `https://${impostor.address}/v1`);
    const answer = await edge.ask('/v1/chat/completions', { json: chat({ model: MODEL }) });
    expect(answer.status).toBe(503);
    expect(impostor.connections()).toBeGreaterThan(0);
    expect(impostor.heard).toEqual([]);
    expect(edge.log.join()).toContain('instance refused the connection');
  },
);

test('a request goes on to another session when an impostor sits at the first', async () => {
  await using edge = await startHttpEdge();
  const place = { home: edge.installation.home, label: labelOf('first') };
  await using impostor = await startImpostor('another authority', place);
  serveAt(edge, `https://${impostor.address}/v1`, { session: 'first' });
  await using _second = await serveTlsVllm(edge, { session: 'second' });
  for (let request = 0; request < 3; request += 1) {
    const answer = await edge.ask('/v1/chat/completions', { json: chat({ model: MODEL }) });
    expect([answer.status, answer.headers.get('x-leash-session')]).toEqual([200, 'second']);
    await answer.text();
  }
  expect(impostor.heard).toEqual([]);
});

test('two sessions at one address share no connection: each is asked for its own certificate', async () => {
  await using edge = await startHttpEdge();
  await using first = await serveTlsVllm(edge, { session: 'first', model: 'one' });
  serveAt(edge, first.serving.endpoint, { session: 'second', model: 'other' });
  const ask = (model: string) => edge.ask('/v1/chat/completions', { json: chat({ model }) });
  expect((await ask('one')).status).toBe(200);
  expect((await ask('other')).status).toBe(503);
  expect((await ask('one')).status).toBe(200);
});

test('an instance that leaves the table loses its connection at once, long before it would be idle', async () => {
  await using edge = await startHttpEdge();
  await using vllm = await serveTlsVllm(edge);
  const authority = await openAuthority({ home: edge.installation.home, issues: false });
  let serving: ServingSession[] = [vllm.serving];
  const vastai = makeVastai({
    sessions: { serving: () => serving, markUnreachable: () => undefined },
    installation: edge.installation,
    authority,
    switchboard: new Switchboard(NOT_SWITCHED, () => undefined),
    deadlines: { connectMs: 5_000, firstEventMs: 5_000, headersMs: 5_000, betweenChunksMs: 5_000 },
    breaker: BREAKER_RULES,
    sweepMs: 50,
  });
  const [candidate] = vastai.candidates(MODEL, 'chat/completions');
  if (candidate === undefined) throw new Error('The instance is no candidate');
  const { target } = candidate;
  const sent = await request(`${vllm.serving.endpoint}/chat/completions`, {
    dispatcher: target.dispatcher,
    method: 'POST',
    headers: [...target.headers, 'content-type', 'application/json'],
    body: JSON.stringify(chat({ model: MODEL })),
  });
  expect(sent.statusCode).toBe(200);
  await sent.body.text();
  expect(vllm.open()).toBe(1);
  serving = [];
  const sinceMs = Date.now();
  await until(() => vllm.open() === 0, 'its connection is closed');
  expect(Date.now() - sinceMs).toBeLessThan(2_500);
  await vastai.close();
});

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { installOfficialCli } from '../official-cli.ts';
import { aMarket } from '../renter.ts';
import { anEndpoint } from './an-endpoint.ts';
import { anOfficialClient } from './official-client.ts';

const run = promisify(execFile);
const PYTHON_TIME = { timeout: 120_000 };

beforeAll(installOfficialCli, 300_000);

/** Echoes what came, or streams it twice; what it was sent is kept. */
function anEcho(seen: unknown[]): RequestListener {
  return (request, response) => {
    let text = '';
    request.on('data', (chunk) => (text += chunk));
    request.on('end', () => {
      const body = JSON.parse(text);
      seen.push(body);
      const line = JSON.stringify(body.payload);
      if (request.url?.startsWith('/stream')) {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.end(`data: ${line}\n\ndata: ${line}\n\ndata: [DONE]\n\n`);
      } else response.writeHead(200, { 'content-type': 'application/json' }).end(line);
    });
  };
}

test('the official client finds the endpoint, is routed, calls and streams', PYTHON_TIME, async () => {
  await using market = await aMarket();
  const endpoint = await anEndpoint(market);
  const seen: unknown[] = [];
  const server = createServer(anEcho(seen)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const worker = await endpoint.worker();
  await worker.report({ url });
  const client = anOfficialClient(market.url, market.key);
  try {
    const answer = await client.request('played', '/echo', { text: 'hello' });
    expect(answer).toEqual({ ok: true, status: 200, response: { text: 'hello' } });
    expect(seen).toMatchObject([{ auth_data: { cost: 16, endpoint: 'played', reqnum: 1, url } }]);
    const streamed = await client.stream('played', '/stream', { text: 'twice' });
    expect(streamed.response).toEqual([{ text: 'twice' }, { text: 'twice' }]);
    expect(await client.workers('played')).toMatchObject([
      { id: worker.id, status: 'idle', measured_perf: 1000 },
    ]);
  } finally {
    server.close();
  }
});

test('the official client trusts a worker whose certificate the market signed', PYTHON_TIME, async () => {
  await using market = await aMarket();
  const endpoint = await anEndpoint(market);
  const worker = await endpoint.worker();
  const folder = await mkdtemp(join(tmpdir(), 'leash-worker-tls-'));
  try {
    const [key, request] = [join(folder, 'key.pem'), join(folder, 'request.pem')];
    const words = ['req', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', request];
    await run('openssl', [...words, '-subj', '/C=US/CN=pyworker.vast.ai']);
    const sign = (id: number, body: string) =>
      fetch(`${market.url}/api/v0/sign_cert/?instance_id=${id}`, {
        method: 'POST',
        headers: { 'content-type': 'application/octet-stream' },
        body,
      });
    const signed = await sign(worker.id, await readFile(request, 'utf8'));
    expect(signed.status).toBe(200);
    expect((await sign(worker.id, 'nonsense')).status).toBe(400);
    expect((await sign(4, await readFile(request, 'utf8'))).status).toBe(404);
    const tls = { key: await readFile(key), cert: await signed.text() };
    const server = createTlsServer(tls, anEcho([])).listen(0, '127.0.0.1');
    await once(server, 'listening');
    await worker.report({ url: `https://127.0.0.1:${(server.address() as AddressInfo).port}` });
    const client = anOfficialClient(market.url, market.key);
    const answer = await client.request('played', '/echo', { text: 'over TLS' });
    expect(answer).toMatchObject({ ok: true, response: { text: 'over TLS' } });
    server.close();
  } finally {
    await rm(folder, { recursive: true });
  }
});

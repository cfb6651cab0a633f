import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { installOfficialCli, PYTHON } from '../simulator/official-cli.ts';
import { eventually } from '../support/eventually.ts';
import { type Engine, startEngine } from './engine.ts';
import { type AnswerOrder, type ModelServer, startModelServer } from './model-server.ts';
import { type RunningWorker, startWorker } from './workers.ts';

const CLIENT = join(fileURLToPath(new URL('.', import.meta.url)), 'official_client.py');
const WORKER_ID = 71;

describe('the official client, unmodified, on our worker', { timeout: 60_000 }, () => {
  let engine: Engine;
  let model: ModelServer;
  let worker: RunningWorker;
  beforeAll(async () => {
    await installOfficialCli();
    engine = await startEngine();
    model = await startModelServer();
    const order = { kind: 'ours', id: WORKER_ID, engine, modelPort: model.port, isReachable: true } as const;
    worker = await startWorker(order);
  }, 180_000);
  afterAll(async () => {
    await worker?.[Symbol.asyncDispose]();
    await model?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
  });

  const tell = (story: string, answer: AnswerOrder = {}) => tellStory(engine, story, answer);
  const retired = () => engine.book(WORKER_ID).retired;

  test('a request gets its answer, and is retired', async () => {
    const before = retired().length;
    expect(await tell('request')).toEqual({
      ok: true,
      status: 200,
      content_type: 'application/json',
      response: { answer: 'of the model' },
    });
    expect(JSON.parse(model.requests.at(-1)?.body.toString() ?? '')).toEqual({ prompt: 'hello' });
    await eventually('the request is retired', () => retired().length > before);
    expect(retired().at(-1)).toMatchObject({ status: 'Success', success: true });
  });

  test('the client’s keys reach neither the model nor the log', async () => {
    await tell('request');
    const { path, headers } = model.requests.at(-1) ?? {};
    expect(`${path} ${JSON.stringify(headers)}`).not.toContain('endpoint-key');
    expect(worker.output()).not.toContain('endpoint-key');
  });

  test('events of a stream come one by one', async () => {
    const chunks = ['data: {"n": 1}\n\n', 'data: {"n": 2}\n\n', 'data: [DONE]\n\n'];
    const answer = { headers: { 'content-type': 'text/event-stream' }, chunks };
    expect(await tell('stream', answer)).toEqual([{ n: 1 }, { n: 2 }]);
  });

  test('lines of JSON come one by one', async () => {
    const answer = {
      headers: { 'content-type': 'application/x-ndjson' },
      chunks: ['{"n": 1}\n', '{"n": 2}\n'],
    };
    expect(await tell('stream', answer)).toEqual([{ n: 1 }, { n: 2 }]);
  });

  test('a 404 of the model is told as that', async () => {
    const answer = { status: 404, body: '{"error": "no such model"}' };
    expect(await tell('answered', answer)).toMatchObject({
      ok: false,
      status: 404,
      response: { error: 'no such model' },
    });
  });

  test('a route that there is not is told as 404', async () => {
    expect(await tell('no_route')).toMatchObject({ ok: false, status: 404 });
  });

  test('text and bytes come as they are', async () => {
    const text = { headers: { 'content-type': 'text/plain; charset=utf-8' }, body: 'größer' };
    expect(await tell('answered', text)).toMatchObject({ ok: true, response: 'größer' });
    const bytes = {
      headers: { 'content-type': 'audio/wav' },
      base64: Buffer.from([1, 255, 0]).toString('base64'),
    };
    expect(await tell('answered', bytes)).toMatchObject({ ok: true, response: '01ff00' });
  });

  test('a compressed answer can be read', async () => {
    const answer = {
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      base64: gzipSync('{"n": 17}').toString('base64'),
    };
    expect(await tell('answered', answer)).toMatchObject({ ok: true, response: { n: 17 } });
  });

  test('forty at once each get their own answer', async () => {
    const numbers = Array.from({ length: 40 }, (_, n) => n);
    expect(await tell('forty')).toEqual({ ok: true, numbers });
  });

  test('five at once on a serial route each get their own answer', async () => {
    expect(await tell('serial')).toEqual([0, 1, 2, 3, 4]);
  });

  test('a session is opened, used, looked up and closed; the model is told', async () => {
    const answered = { ok: true, status: 200, response: { answer: 'of the model' } };
    expect(await tell('session')).toMatchObject({
      answers: [answered, answered],
      was_open: true,
      is_the_same: true,
      lifetime: 30,
      after: expect.stringContaining('session does not exist'),
      late: 'Cannot make request on closed session.',
    });
    const bye = model.requests.find(({ path }) => path === '/bye');
    expect(JSON.parse(bye?.body.toString() ?? '{}')).toMatchObject({ last: 'words' });
  });
});

/** What the client printed of one of its stories. */
async function tellStory(engine: Engine, story: string, answer: AnswerOrder): Promise<unknown> {
  const env = { PATH: process.env.PATH ?? '', VAST: engine.url, ANSWER: JSON.stringify(answer) };
  const { stdout } = await promisify(execFile)(PYTHON, [CLIENT, story], { env, timeout: 50_000 });
  return JSON.parse(stdout);
}

import { generateKeyPairSync } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import fastifyCookie from '@fastify/cookie';
import fastify from 'fastify';
import { costsQuery } from '../../src/admin/costs-query.ts';
import { keyBody } from '../../src/admin/key-schema.ts';
import { offersQuery } from '../../src/admin/offers-query.ts';
import {
  destroyBody,
  extendBody,
  hoursBody,
  idempotencyKey,
  launchBody,
  logsQuery,
  newsQuery,
  reapBody,
  samplesQuery,
  sessionsQuery,
  signInBody,
  statusQuery,
  timelineQuery,
} from '../../src/admin/schema.ts';
import { SignIns } from '../../src/admin/sign-in-cookie.ts';
import { fromPayloads, payloadsBody, toPayloads } from '../../src/codec-server/payloads.ts';
import { classifyStatusMessage, classifyVllmLog } from '../../src/domain/failure.ts';
import { formatLabel, parseLabel } from '../../src/domain/label.ts';
import { redactSecrets } from '../../src/domain/redaction.ts';
import { findRefusedVllmArg } from '../../src/domain/vllm-args.ts';
import { chatCompletion } from '../../src/gateway/anthropic/answer.ts';
import { anthropicError } from '../../src/gateway/anthropic/api-errors.ts';
import { CompletionStream } from '../../src/gateway/anthropic/completion-stream.ts';
import { messagesRequest } from '../../src/gateway/anthropic/request.ts';
import { Refusal } from '../../src/gateway/errors.ts';
import { countEvents, EventCutter, readFirstEvent } from '../../src/gateway/events.ts';
import { readComplaint } from '../../src/gateway/foreign-error.ts';
import { headersBack, requestIdOf } from '../../src/gateway/headers.ts';
import { hasTokenShape } from '../../src/gateway/keys/token.ts';
import { redirectFrom } from '../../src/gateway/redirect.ts';
import { bytesFor, parseInferenceBody } from '../../src/gateway/request-body.ts';
import { findUsage, findUsageAtEnd } from '../../src/gateway/usage.ts';
import { withoutNullNames, withoutUsage, withUsageAsked } from '../../src/gateway/vllm-streams.ts';
import { BodyUnreadable, textOf } from '../../src/pyworker/body.ts';
import { SignatureCheck } from '../../src/pyworker/signature.ts';
import {
  workloadForCompletions,
  workloadForEmbeddings,
  workloadForRerank,
  workloadOf,
} from '../../src/pyworker/workloads.ts';
import { parseMetrics } from '../../src/vllm/metrics.ts';
import { countModelsCalls, toUsage } from '../../src/vllm/usage.ts';
import { MARKET_TARGETS } from './market-targets.ts';
import { SEEDS } from './seeds.ts';
import { SETTING_TARGETS } from './setting-targets.ts';
import { ofJson, parsed, pieces, startsWith, type Target, unless } from './target.ts';

export type { Target } from './target.ts';

const NO_KEY = new SignatureCheck(() => null);
const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const signIns = new SignIns(
  { admin: ['a-token-of-tests'], viewer: [] },
  { cookieKey: (token) => Buffer.from(token) },
);
// Its reader of cookies is there once a server has taken it up.
await fastify().register(fastifyCookie, { hook: false });
const ORIGIN = 'https://origin.example';
const requestOf = (headers: Record<string, string>) =>
  ({ headers, method: 'GET', socket: null }) as unknown as IncomingMessage;
const requestWith = (cookie: string) => requestOf({ cookie });
const cookie =
  signIns.begin({ role: 'admin', token: 'a-token-of-tests' }, requestWith(''), 0).setCookie.split(';')[0] ??
  '';

export const TARGETS: readonly Target[] = [
  // What callers send.
  ofJson('admin bodies', SEEDS.adminBodies, (value) => {
    for (const schema of [launchBody, extendBody, destroyBody, hoursBody, reapBody, keyBody, signInBody])
      schema.safeParse(value);
  }),
  ofJson('payloads to be decoded', SEEDS.payloads, (value) => {
    const read = payloadsBody.safeParse(value).data;
    if (read === undefined) return;
    const payloads = toPayloads(read);
    const again = toPayloads(payloadsBody.parse(fromPayloads(payloads)));
    if (!isDeepStrictEqual(again, payloads)) throw new Error('What is written is not what was read.');
  }),
  {
    name: 'admin queries',
    seeds: SEEDS.queries,
    take: (input) => {
      const query: Record<string, string> = Object.fromEntries(new URLSearchParams(input.toString()));
      for (const schema of [offersQuery, costsQuery, timelineQuery, logsQuery, newsQuery])
        schema.safeParse(query);
      for (const schema of [samplesQuery, sessionsQuery, statusQuery]) schema.safeParse(query);
      idempotencyKey.safeParse(input.toString('latin1'));
    },
  },
  {
    name: 'cookies and keys',
    seeds: [cookie, `a=b; ${cookie}`, 'sk-leash-abcdefghijklmnopqrstuvwxyz'],
    take: (input) => {
      const text = input.toString('latin1');
      const isOurs = text.includes(cookie.slice(cookie.indexOf('=') + 1));
      if (signIns.find(requestWith(text), 0) !== null && !isOurs)
        throw new Error('A forged cookie was taken.');
      hasTokenShape(text);
    },
  },
  {
    name: 'inference bodies',
    seeds: SEEDS.inference,
    take: unless([Refusal], (input) => {
      const body = parseInferenceBody(input);
      const spliced = JSON.parse(bytesFor(body, 'the/model').toString()) as Record<string, unknown>;
      if (spliced.model !== 'the/model') throw new Error(`The spliced body names ${String(spliced.model)}.`);
      if (body.isStream) JSON.parse(withUsageAsked(input).toString());
    }),
  },
  ofJson(
    'requests for Anthropic',
    SEEDS.inference,
    unless([Refusal], (value) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
      const body = value as Record<string, unknown>;
      for (const route of ['chat/completions', 'completions'] as const)
        JSON.stringify(messagesRequest(route, body, { model: 'claude-sonnet-4-5', maxTokensDefault: 4_096 }));
    }),
  ),
  {
    name: 'refused vLLM arguments',
    seeds: ['--api-key=x', '--max-model-len 4096', '--no-enable-log-requests'],
    take: (input) => void findRefusedVllmArg(input.toString()),
  },
  {
    name: 'headers of callers and of instances',
    seeds: ['abc-123', 'a, b', 'close, x-private', 'text/event-stream; charset=utf-8'],
    take: (input) => {
      const text = input.toString('latin1');
      const headers = { 'x-request-id': text, connection: text, 'x-private': text, 'content-type': text };
      if (!/^[\x21-\x7e]{1,200}$/.test(requestIdOf(requestOf(headers))))
        throw new Error('A request id would not go into a header.');
      const back = headersBack({ status: 200, headers, isEvents: false, isTranslated: false });
      if (back.includes('connection')) throw new Error('A header of the connection went on.');
    },
  },
  {
    name: 'places an instance sends on to',
    seeds: ['/v1/result?id=1', 'https://origin.example/a', '//other.example/b', 'http:\\\\x', '../up'],
    take: (input) => {
      const path = redirectFrom(input.toString('latin1'), { origin: ORIGIN, path: '/v1/x' });
      if (path === null) return;
      if (!/^\/[\x21-\x7e]*$/.test(path))
        throw new Error(`${JSON.stringify(path)} would not go into a request.`);
    },
  },
  // What inference servers send back.
  {
    name: 'streams of OpenAI’s events',
    seeds: SEEDS.openAiStreams,
    take: (input) => {
      for (const route of ['chat/completions', 'responses'] as const) {
        const cutter = new EventCutter(route);
        const out = Buffer.concat([...pieces(input).map((piece) => cutter.cut(piece)), cutter.rest()]);
        if (!startsWith(input, out)) throw new Error('What came out is not what went in.');
      }
      countEvents(input);
      readFirstEvent(input);
      withoutUsage(input);
      withoutNullNames(input);
      findUsageAtEnd(input);
    },
  },
  {
    name: 'answers of OpenAI’s kind',
    seeds: SEEDS.openAiAnswers,
    take: (input) => {
      findUsage(input);
      for (const status of [400, 404, 422]) readComplaint(status, input);
    },
  },
  {
    name: 'streams of Anthropic’s events',
    seeds: SEEDS.anthropicStreams,
    take: (input) => {
      const stream = new CompletionStream({ model: 'm', createdSec: 1, includeUsage: true });
      const out = Buffer.concat([
        ...pieces(input).map((piece) => stream.push(piece)),
        stream.end(),
      ]).toString();
      void stream.usage;
      if (!/data: (?:\[DONE\]|\{"error".*\})\n\n$/s.test(out))
        throw new Error('The stream ends without a word.');
      for (const event of out.split('\n\n').filter((text) => text.startsWith('data: {')))
        JSON.parse(event.slice(6));
    },
  },
  ofJson(
    'answers of Anthropic',
    SEEDS.anthropicAnswers,
    unless([TypeError], (value) => {
      for (const route of ['chat/completions', 'completions'] as const)
        JSON.stringify(chatCompletion(value, { model: 'm', createdSec: 1, route }));
    }),
  ),
  {
    name: 'errors of Anthropic',
    seeds: SEEDS.anthropicAnswers,
    take: (input) => void anthropicError(529, input.toString()),
  },
  {
    name: 'metrics of vLLM',
    seeds: SEEDS.metrics,
    take: (input) => {
      const text = input.toString();
      parseMetrics(text);
      toUsage(text);
      countModelsCalls(text);
    },
  },
  ...MARKET_TARGETS,
  ...SETTING_TARGETS,
  {
    name: 'labels',
    seeds: ['leash.abcdefghij.default.klmnopqrst.1.x1763856000', 'leash.abcdefghij.a-b.klmnopqrst.12.x1'],
    take: (input) => {
      const text = input.toString();
      const label = parseLabel(text);
      if (label !== null && formatLabel(label) !== text)
        throw new Error('A label is not what it was read from.');
    },
  },
  {
    name: 'status messages and logs',
    seeds: SEEDS.logs,
    take: (input) => {
      const text = input.toString();
      classifyStatusMessage(text);
      classifyVllmLog(text.split('\n'));
    },
  },
  {
    name: 'secrets in texts',
    seeds: SEEDS.secrets,
    take: (input) => {
      const text = redactSecrets(input.toString(), ['a-secret-of-ours']);
      if (text.includes('a-secret-of-ours')) throw new Error('A secret is left.');
    },
  },
  // What the serverless engine and its clients send to a worker.
  ofJson('payloads of a worker', SEEDS.inference, (value) => {
    for (const calculate of [workloadForCompletions, workloadForEmbeddings, workloadForRerank]) {
      const payload = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
      const load = workloadOf(calculate, payload);
      if (!Number.isFinite(load) || load < 0) throw new Error(`The workload is ${load}.`);
    }
  }),
  {
    name: 'signatures',
    seeds: ['{"url":"http://h:1/x","signature":"YWJj"}', '{"url":1,"signature":null}'],
    take: (input) => {
      const fields = parsed(input.toString()) as { url?: unknown; signature?: unknown } | null | undefined;
      const check = new SignatureCheck(() => publicKey);
      if (check.isRight(fields?.url, fields?.signature))
        throw new Error('A signature that nobody made is right.');
      if (NO_KEY.isRight(fields?.url, fields?.signature)) throw new Error('Right without a key.');
    },
  },
  {
    name: 'bodies of a worker',
    seeds: ['text', 'caf\u00e9', '\ufeffwith a mark'],
    take: unless([BodyUnreadable], (input: Buffer) => {
      for (const type of [
        'application/json',
        'text/plain; charset=utf-16',
        'text/plain; charset=none',
        undefined,
      ])
        textOf(input, type);
    }),
  },
];

import { createSign, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { rootCertificates } from 'node:tls';

/** A worker's report, as it came. */
export type StatusReport = {
  readonly id: number;
  readonly mtoken: string;
  readonly version: string;
  readonly loadtime: number;
  readonly cur_load: number;
  readonly new_load: number;
  readonly rej_load: number;
  readonly cur_perf: number;
  readonly max_perf: number;
  readonly error_msg: string;
  readonly num_requests_working: number;
  readonly num_requests_recieved: number;
  readonly working_request_idxs: readonly number[];
  readonly url: string;
};

/** One entry of a worker's post of retired requests. */
export type RetiredRequest = {
  readonly request_idx: number;
  readonly success: boolean;
  readonly status: string;
  readonly entered_queue_at: number;
  readonly work_started_at: number;
  readonly work_completed_at: number;
};

/** What one worker has told the engine; `refused` are the posts that were not taken. */
export type Book = {
  readonly reports: StatusReport[];
  /** When each report came, by `performance.now()`. */
  readonly reportedAtMs: number[];
  readonly retired: RetiredRequest[];
  readonly refused: { status: number; retired: number };
};

export type AuthData = {
  readonly cost: number;
  readonly endpoint: string;
  readonly reqnum: number;
  readonly request_idx: number;
  readonly signature: string;
  readonly url: string;
};

export type Engine = AsyncDisposable & {
  /** What a worker gets as REPORT_ADDR, and a client for every address of Vast.ai's. */
  readonly url: string;
  /** What this worker has told, by its CONTAINER_ID. */
  book(workerId: number): Book;
  /** The signature of a worker's address, as `/route/` gives it. */
  sign(url: string): string;
  /** Answers every post of a worker's with this status from now on; null: takes them. */
  refuse(status: number | null): void;
};

/**
 * Stands in for Vast.ai's serverless engine as its workers and clients see it (pyworker-protocol, sections 2, 3.2
 * and 5): its key, its signatures, its two posts, `/route/` and the list of endpoints. It decides nothing: every
 * request is routed to the worker that reported ready last.
 */
export async function startEngine(): Promise<Engine> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const books = new Map<number, Book>();
  let refusal: number | null = null;
  let routed = 0;

  const book = (workerId: number): Book => {
    const known = books.get(workerId);
    if (known !== undefined) return known;
    const opened = { reports: [], reportedAtMs: [], retired: [], refused: { status: 0, retired: 0 } };
    books.set(workerId, opened);
    return opened;
  };
  const sign = (url: string) =>
    createSign('sha256')
      .update(JSON.stringify({ url }, null, 4))
      .sign(privateKey, 'base64');

  const takeStatus = (report: StatusReport): number => {
    const of = book(report.id);
    if (refusal !== null) {
      of.refused.status += 1;
      return refusal;
    }
    of.reports.push(report);
    of.reportedAtMs.push(performance.now());
    return 200;
  };
  const takeRetired = (post: { worker_id: number; requests: RetiredRequest[] }): number => {
    const of = book(post.worker_id);
    if (refusal !== null) {
      of.refused.retired += 1;
      return refusal;
    }
    of.retired.push(...post.requests);
    return 200;
  };
  const route = (asked: { endpoint: string; cost: number; request_idx: number }) => {
    routed += 1;
    const request_idx = asked.request_idx || routed;
    const latest = [...books.values()].flatMap(({ reports }) => reports.slice(-1));
    const ready = latest.find(({ loadtime, error_msg }) => loadtime > 0 && error_msg === '');
    if (ready === undefined) return { endpoint: asked.endpoint, request_idx, status: 'no worker is ready' };
    return {
      endpoint: asked.endpoint,
      url: ready.url,
      cost: asked.cost,
      reqnum: routed,
      request_idx,
      signature: sign(ready.url),
      __request_id: `request-${routed}`,
    };
  };

  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const text = await bodyOf(request);
    const path = new URL(request.url ?? '/', 'http://engine').pathname;
    switch (`${request.method} ${path}`) {
      case 'GET /pubkey/':
        return reply(response, 200, publicKey.export({ type: 'spki', format: 'pem' }), 'text/plain');
      case 'POST /worker_status/':
        return reply(response, takeStatus(JSON.parse(text)), '{"success": true}');
      case 'POST /delete_requests/':
        return reply(response, takeRetired(JSON.parse(text)), '{"success": true}');
      case 'POST /route/':
        return reply(response, 200, JSON.stringify(route(JSON.parse(text))));
      case 'GET /api/v0/endptjobs/':
        return reply(response, 200, JSON.stringify({ success: true, results: [ENDPOINT] }));
      case 'GET /static/jvastai_root.cer':
        return reply(response, 200, rootCertificates[0] ?? '', 'application/x-x509-ca-cert');
      default:
        return reply(response, 404, '{"error": "not found"}');
    }
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    book,
    sign,
    refuse: (status) => {
      refusal = status;
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The one endpoint that a client finds. */
const ENDPOINT = {
  id: 4_711,
  endpoint_name: 'conformance',
  api_key: 'endpoint-key-0123456789',
  user_id: 1,
  created_at: 1_767_225_600,
  auto_delete_in_seconds: null,
  auto_delete_due_24h: false,
};

function reply(response: ServerResponse, status: number, body: string | Buffer, type = 'application/json') {
  response.writeHead(status, { 'content-type': type }).end(body);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as it came over the wire. */
export type Span = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client';
  readonly startedAtMs: number;
  readonly tookMs: number;
  readonly isError: boolean;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
};

export type Collector = AsyncDisposable & {
  readonly url: string;
  readonly spans: readonly Span[];
  /** Everything that was received, as it was. */
  readonly texts: readonly string[];
  readonly headers: readonly IncomingMessage['headers'][];
};

/** Takes traces as an OpenTelemetry collector does: OTLP over HTTP, in JSON. `isMute`: takes all and never answers. */
export async function startCollector({ isMute = false } = {}): Promise<Collector> {
  const spans: Span[] = [];
  const texts: string[] = [];
  const headers: IncomingMessage['headers'][] = [];
  const server = createServer(async (request, response) => {
    const text = await textOf(request);
    headers.push(request.headers);
    texts.push(text);
    if (isMute) return;
    const isOurs = request.method === 'POST' && request.url === '/v1/traces';
    if (isOurs) spans.push(...spansOf(JSON.parse(text)));
    response.writeHead(isOurs ? 200 : 404, { 'content-type': 'application/json' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    texts,
    headers,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Value = {
  readonly stringValue?: string;
  readonly intValue?: number | string;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
};
type Sent = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status?: { readonly code?: number };
  readonly attributes?: readonly { readonly key: string; readonly value: Value }[];
};
type Batch = {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly Sent[] }[] }[];
};

const KINDS: Record<number, Span['kind']> = { 2: 'server', 3: 'client' };
const ERROR = 2;

function spansOf({ resourceSpans }: Batch): Span[] {
  const sent = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
  return sent.map((span) => {
    const startedAtMs = Number(span.startTimeUnixNano) / 1e6;
    return {
      traceId: span.traceId,
      spanId: span.spanId,
      parentSpanId: span.parentSpanId || null,
      name: span.name,
      kind: KINDS[span.kind] ?? 'internal',
      startedAtMs,
      tookMs: Number(span.endTimeUnixNano) / 1e6 - startedAtMs,
      isError: span.status?.code === ERROR,
      attributes: Object.fromEntries((span.attributes ?? []).map(({ key, value }) => [key, plain(value)])),
    };
  });
}

function plain(value: Value): string | number | boolean {
  const { stringValue, intValue, doubleValue, boolValue } = value;
  return stringValue ?? doubleValue ?? boolValue ?? Number(intValue);
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

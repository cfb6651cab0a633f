import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import {
  type ClientHttp2Session,
  connect,
  constants,
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const { HTTP2_HEADER_PATH, HTTP2_HEADER_STATUS, HTTP2_HEADER_CONTENT_TYPE } = constants;
const GRPC = { permissionDenied: '7', unauthenticated: '16' } as const;

export type GuardedTemporal = AsyncDisposable & {
  /** `localhost:port`, as the certificate has it. */
  readonly address: string;
  /** Files for TEMPORAL_TLS_*: the authority of the server, and a client that it vouches for. */
  readonly files: { readonly ca: string; readonly cert: string; readonly key: string };
  /** Calls that were let through, and those that were not. */
  readonly counts: { passed: number; refused: number };
};

/**
 * A front before a real Temporal server that asks what Temporal Cloud asks: TLS, and a client certificate or an
 * API key; and refuses what Cloud refuses: the operator service and the making of namespaces.
 */
export async function startGuardedTemporal(
  temporalAddress: string,
  wants: { readonly apiKey: string } | 'client-certificate',
): Promise<GuardedTemporal> {
  const folder = mkdtempSync(join(tmpdir(), 'leash-guarded-temporal-'));
  const files = makeCertificates(folder);
  const behind = connect(`http://${temporalAddress}`);
  const counts = { passed: 0, refused: 0 };
  const server = createSecureServer({
    cert: readFileSync(join(folder, 'server.pem')),
    key: readFileSync(join(folder, 'server.key')),
    ca: readFileSync(files.ca),
    requestCert: wants === 'client-certificate',
    rejectUnauthorized: wants === 'client-certificate',
  });
  server.on('stream', (stream, headers) => {
    const refusal = refusalOf(headers, wants);
    counts[refusal === null ? 'passed' : 'refused'] += 1;
    if (refusal === null) forward(stream, headers, behind);
    else refuse(stream, refusal);
  });
  // Clients that are turned away say so by hanging up.
  server.on('sessionError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    address: `localhost:${port}`,
    files,
    counts,
    [Symbol.asyncDispose]: async () => {
      behind.destroy();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

type Refusal = { readonly code: string; readonly message: string };

function refusalOf(
  headers: IncomingHttpHeaders,
  wants: { apiKey: string } | 'client-certificate',
): Refusal | null {
  if (wants !== 'client-certificate' && headers.authorization !== `Bearer ${wants.apiKey}`)
    return { code: GRPC.unauthenticated, message: 'Request unauthorized.' };
  return /OperatorService|\/RegisterNamespace$|\/UpdateNamespace$/.test(String(headers[HTTP2_HEADER_PATH]))
    ? { code: GRPC.permissionDenied, message: 'Request unauthorized.' }
    : null;
}

function refuse(stream: ServerHttp2Stream, { code, message }: Refusal): void {
  stream.respond(
    {
      [HTTP2_HEADER_STATUS]: 200,
      [HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      'grpc-status': code,
      'grpc-message': message,
    },
    { endStream: true },
  );
}

/** Headers, body and trailers as they are: gRPC's verdict comes last. */
function forward(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, behind: ClientHttp2Session): void {
  const { ':authority': _authority, ':scheme': _scheme, authorization: _key, ...passed } = headers;
  const onward = behind.request(passed);
  stream.pipe(onward);
  let trailers: IncomingHttpHeaders = {};
  onward.on('trailers', (last) => {
    trailers = last;
  });
  onward.on('response', (answer, flags) => {
    const isWhole = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    if (stream.destroyed) return;
    stream.respond(answer, isWhole ? { endStream: true } : { waitForTrailers: true });
    if (!isWhole) onward.pipe(stream);
  });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  onward.on('error', () => stream.destroy());
  stream.on('error', () => onward.destroy());
  stream.on('close', () => onward.close(constants.NGHTTP2_CANCEL));
}

function makeCertificates(folder: string): GuardedTemporal['files'] {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=a test authority');
  for (const [name, ...extra] of [['server', '-addext', 'subjectAltName=DNS:localhost'], ['client']] as const)
    openssl(
      ...['req', '-x509', ...key, '-keyout', `${name}.key`, '-out', `${name}.pem`, '-subj', `/CN=${name}`],
      ...['-CA', 'ca.pem', '-CAkey', 'ca.key', '-addext', 'basicConstraints=critical,CA:FALSE', ...extra],
    );
  return {
    ca: join(folder, 'ca.pem'),
    cert: join(folder, 'client.pem'),
    key: join(folder, 'client.key'),
  };
}

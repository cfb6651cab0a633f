import { checkServerIdentity } from 'node:tls';
import { Agent, request } from 'undici';

/** How to look at one instance. */
export type ProbeOptions = {
  /** For one HTTP call as a whole: connecting, waiting and reading. */
  readonly timeoutMs: number;
  /** The looker's own cancellation; it is thrown, for it says nothing of the instance. */
  readonly signal?: AbortSignal;
  /**
   * Trust this authority only, and only for this name. The address of an instance is not known when its
   * certificate is made, so the certificate names its label's hash, and the address is not compared.
   */
  readonly tls?: { readonly caPem: string; readonly serverName: string };
};

export type Call = {
  readonly endpoint: string;
  readonly path: string;
  readonly key?: string;
  /** Sent as JSON with POST; without it the call is a GET. */
  readonly json?: unknown;
};

/** What came back: any status counts as an answer. */
export type Exchange =
  | { readonly kind: 'answered'; readonly status: number; readonly text: string }
  | {
      readonly kind: 'no-answer';
      readonly why: string;
      /** Our own machine could not ask (no route, no name server, no free sockets): no fact about the instance. */
      readonly isOurFault: boolean;
      /** Somebody answered who could not show the certificate made for this instance: the call was not sent. */
      readonly isUntrusted: boolean;
    };

/** Longest answer read. A real metrics page takes some 100 kB; strangers at the address may send without end. */
export const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

/**
 * One HTTP call to an instance, over a connection of its own.
 *
 * A kept connection would go on answering after the mapped port has stopped taking new ones, which is all
 * that callers of the model ever make. Redirects are answers: nothing of ours may follow a stranger's.
 */
export async function exchange(call: Call, options: ProbeOptions): Promise<Exchange> {
  options.signal?.throwIfAborted();
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]);
  const agent = openAgent(options);
  try {
    const response = await request(new URL(call.path, call.endpoint), {
      ...toMessage(call),
      dispatcher: agent,
      signal,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    return { kind: 'answered', status: response.statusCode, text: await response.body.text() };
  } catch (error) {
    options.signal?.throwIfAborted();
    if (deadline.aborted) {
      return {
        kind: 'no-answer',
        why: `no answer within ${options.timeoutMs} ms`,
        isOurFault: false,
        isUntrusted: false,
      };
    }
    return toNoAnswer(error);
  } finally {
    await agent.destroy();
  }
}

function openAgent({ timeoutMs, tls }: ProbeOptions): Agent {
  const pinned =
    tls === undefined
      ? {}
      : {
          ca: tls.caPem,
          servername: tls.serverName,
          checkServerIdentity: (_address: string, certificate: Parameters<typeof checkServerIdentity>[1]) =>
            checkServerIdentity(tls.serverName, certificate),
        };
  return new Agent({ connect: { timeout: timeoutMs, ...pinned }, maxResponseSize: ANSWER_BYTES_MAX });
}

function toMessage({ key, json }: Call) {
  const headers: Record<string, string> = { accept: 'application/json, text/plain' };
  if (key !== undefined) headers.authorization = `Bearer ${key}`;
  if (json === undefined) return { method: 'GET', headers } as const;
  headers['content-type'] = 'application/json';
  return { method: 'POST', headers, body: JSON.stringify(json) } as const;
}

const OUR_FAULTS = new Set([
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

const NO_TLS = 'it does not speak TLS';
const NOT_OURS = 'its certificate is not of our authority';

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the port refuses connections',
  ECONNRESET: 'the connection was reset',
  UND_ERR_SOCKET: 'the connection was closed before the answer was whole',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: `the answer is longer than ${ANSWER_BYTES_MAX} bytes`,
  ETIMEDOUT: 'no connection in time',
  EHOSTUNREACH: 'the host cannot be reached',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is another instance's",
  SELF_SIGNED_CERT_IN_CHAIN: NOT_OURS,
  DEPTH_ZERO_SELF_SIGNED_CERT: NOT_OURS,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: NOT_OURS,
  UNABLE_TO_GET_ISSUER_CERT: NOT_OURS,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: NOT_OURS,
  CERT_SIGNATURE_FAILURE: NOT_OURS,
  INVALID_CA: NOT_OURS,
  INVALID_PURPOSE: NOT_OURS,
};

function toNoAnswer(error: unknown): Exchange {
  const code = codeOf(error);
  const said = error instanceof Error ? error.message : String(error);
  // OpenSSL's own codes: what came is no TLS, or none that we accept.
  const isNoTls = code === 'EPROTO' || code?.startsWith('ERR_SSL_') === true;
  const words = isNoTls ? NO_TLS : code === null ? said : (WORDS[code] ?? said);
  return {
    kind: 'no-answer',
    why: code === null ? words : `${words} (${code})`,
    isOurFault: code !== null && OUR_FAULTS.has(code),
    isUntrusted: isNoTls || (code !== null && isOfCertificate(code)),
  };
}

/** Codes of a certificate that was refused, by the names Node and OpenSSL give them. */
function isOfCertificate(code: string): boolean {
  return /^ERR_TLS_CERT_|CERT|^INVALID_(CA|PURPOSE)$|^UNABLE_TO_VERIFY/.test(code);
}

function codeOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return codeOf(error.cause);
}

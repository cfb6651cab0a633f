import { z } from 'zod';
import type { MarketErrorKind } from '../domain/market.ts';
import { MarketError } from './market-error.ts';
import { flag, text } from './wire-values.ts';

/** What came back over HTTP, not yet judged. */
export type Answer = {
  readonly status: number;
  /** Undefined when the body is not JSON. */
  readonly json: unknown;
  readonly body: string;
  readonly retryAfterMs: number | null;
  /** What went out with the request and must not be quoted from the reply: servers echo what they refuse. */
  readonly secrets: readonly string[];
};

/** What an answer says in words, wherever it says it. */
export type Said = {
  /** Vast's `error` in lower case, or `http-<status>`. */
  readonly code: string;
  readonly message: string;
  /** `success: false`, which also comes with status 200. */
  readonly isRefusal: boolean;
};

const SAID_LENGTH_MAX = 200;

const Envelope = z.object({
  success: flag,
  error: text,
  msg: z.unknown().optional(),
  message: z.unknown().optional(),
  detail: z.unknown().optional(),
});

/** Codes that are also found inside a text, as in `error 404/3603: no_such_ask Instance type by id …`. */
const TELLING_CODES = [
  'no_such_ask',
  'no_such_instance',
  'insufficient_credit',
  'spend_rate_limit',
  'search_quota_exceeded',
  'rate_limit_exceeded',
  'resources_unavailable',
  'invalid_price',
  'deprecated_endpoint',
];

/** Too general to act on when the text names the cause. */
const GENERAL_CODES = ['invalid_args', 'bad_request', 'invalid_request', 'true'];

/** Reads `error` and the text under `msg`, `message` or `detail`, or takes a plain-text body as the text. */
export function readSaid(answer: Answer): Said {
  const { success, error, words } = readEnvelope(answer);
  return {
    code: codeOf(error === null ? null : redact(error, answer.secrets), words, answer.status),
    message: quoteOf(words, answer),
    isRefusal: success === false,
  };
}

/** Words of an answer, fit to be quoted: one short line without what went out with the request. */
export function quoteOf(words: string, { secrets }: Answer): string {
  return tidy(redact(words, secrets));
}

/** Throws unless the status is 2xx and nothing in the body says otherwise. */
export function mustBeFine(answer: Answer, tried: string): void {
  const said = readSaid(answer);
  if (answer.status < 200 || answer.status > 299 || said.isRefusal) throw toMarketError(answer, said, tried);
}

/** An answer that is no success, as the error it stands for. */
export function toMarketError(answer: Answer, said: Said, tried: string): MarketError {
  const { status, retryAfterMs } = answer;
  const quote = said.message === '' ? '' : `: ${said.message}`;
  return new MarketError({
    kind: kindOf(status, said.code),
    code: said.code,
    message: `Cannot ${tried}: Vast.ai answered ${status} (${said.code})${quote}${/[.!?…]$/.test(quote) ? '' : '.'}`,
    status,
    retryAfterMs,
  });
}

/**
 * Gone for good: said of an instance by destroy, show and label in several ways.
 * A 404 that says `auth_error` is a bad key, and one that says nothing of ours may come from anywhere.
 */
export function saysGone(answer: Answer, said: Said): boolean {
  if (kindOf(answer.status, said.code) === 'auth') return false;
  const isRefusalIn200 = said.isRefusal && answer.status >= 200 && answer.status <= 299;
  if (said.code === 'no_such_instance') return answer.status === 404 || isRefusalIn200;
  if (answer.status !== 404 || answer.json === undefined) return false;
  return (
    said.code === 'not_found' ||
    said.code === 'invalid_id' ||
    /\binstance\b.*\bnot found\b/i.test(said.message)
  );
}

/** Status and code together: Vast answers 404 to a bad key, and 200 to some refusals. */
function kindOf(status: number, code: string): MarketErrorKind {
  if (code === 'auth_error') return 'auth';
  if (code === 'search_quota_exceeded') return 'search-quota';
  if (status === 429 || code === 'rate_limit_exceeded') return 'too-many';
  if (status >= 500 || status === 408 || code === 'server_error') return 'server-error';
  if (status === 401 || (status === 403 && code === 'http-403')) return 'auth';
  if (status >= 300 && status < 400) return 'bad-answer';
  return 'refused';
}

function readEnvelope(answer: Answer): { success: boolean | null; error: string | null; words: string } {
  const parsed = Envelope.safeParse(answer.json);
  if (!parsed.success) return { success: null, error: null, words: answer.body };
  const { success, error, msg, message, detail } = parsed.data;
  return { success, error, words: wordsOf(msg) ?? wordsOf(message) ?? wordsOf(detail) ?? '' };
}

function redact(words: string, secrets: readonly string[]): string {
  return secrets.reduce((left, secret) => left.replaceAll(secret, '[redacted]'), words);
}

function codeOf(error: string | null, words: string, status: number): string {
  const code = error?.trim().toLowerCase() ?? '';
  // Whatever else it is called: taking a bad key for "gone" forgets everything that bills.
  if (/auth_error|invalid user key|requires login/i.test(words)) return 'auth_error';
  if (code !== '' && !GENERAL_CODES.includes(code)) return code.slice(0, 64);
  const told = TELLING_CODES.find((candidate) => words.includes(candidate));
  if (told !== undefined) return told;
  if (/account lacks credit/i.test(words)) return 'insufficient_credit';
  return code === '' || code === 'true' ? `http-${status}` : code;
}

function wordsOf(value: unknown): string | null {
  if (value === undefined || value === null || value === '') return null;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** One line, short: a proxy's HTML page has no place in a log. */
function tidy(words: string): string {
  const line = words.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length > SAID_LENGTH_MAX ? `${line.slice(0, SAID_LENGTH_MAX - 1)}…` : line;
}

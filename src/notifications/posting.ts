import { request } from 'undici';

/** How a post was answered. Reasons name no address: that of a webhook often is its key. */
export type PostAnswer =
  | { readonly kind: 'delivered'; readonly httpStatus: number }
  /** Another try would be answered alike. */
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'failed'; readonly why: string; readonly retryAfterMs: number | null };

export type Post = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

const POST_MS = 10_000;
const ANSWER_BYTES_READ = 2_048;
/** Refusals that pass: a time-out, a conflict, too early, too many. */
const PASSING = [408, 409, 425, 429];
const GONE = 410;

/** One post of a JSON body, by its deadline, without following redirects. */
export async function postJson({ url, headers, body }: Post): Promise<PostAnswer> {
  try {
    const answer = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'leash', ...headers },
      body,
      signal: AbortSignal.timeout(POST_MS),
      headersTimeout: POST_MS,
      bodyTimeout: POST_MS,
    });
    const { statusCode: httpStatus } = answer;
    if (httpStatus >= 200 && httpStatus < 300) {
      // It has been taken: what else the answer says, or fails to say, changes nothing.
      await answer.body.dump({ limit: ANSWER_BYTES_READ }).catch(() => undefined);
      return { kind: 'delivered', httpStatus };
    }
    const said = wordOf(await beginningOf(answer.body));
    return notTaken({ httpStatus, said, retryAfter: answer.headers['retry-after'] });
  } catch (error) {
    return { kind: 'failed', why: causeOf(error), retryAfterMs: null };
  }
}

function notTaken({
  httpStatus,
  said,
  retryAfter,
}: {
  httpStatus: number;
  said: string;
  retryAfter: string | string[] | undefined;
}): PostAnswer {
  const why = `it answered ${httpStatus}${said}`;
  if (httpStatus === GONE) return { kind: 'refused', why: `${why}: this address is no more; set another` };
  if (httpStatus >= 300 && httpStatus < 400)
    return { kind: 'refused', why: `${why}, a redirect, which is not followed; set the address it leads to` };
  if (httpStatus >= 400 && httpStatus < 500 && !PASSING.includes(httpStatus)) return { kind: 'refused', why };
  return { kind: 'failed', why, retryAfterMs: retryAfterMs(retryAfter, Date.now()) };
}

/** Seconds or a date, as HTTP has it; null where it says nothing that can be read. */
function retryAfterMs(header: string | string[] | undefined, nowMs: number): number | null {
  const text = Array.isArray(header) ? header[0] : header;
  if (text === undefined) return null;
  const ms = /^[0-9]{1,9}$/.test(text.trim()) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
  return Number.isFinite(ms) && ms > 0 ? ms : null;
}

async function beginningOf(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= ANSWER_BYTES_READ) break;
  }
  return Buffer.concat(chunks).toString('utf8').trim();
}

/** Slack's refusals are one word (`no_service`). Anything longer may repeat the address, and with it its key. */
function wordOf(text: string): string {
  return /^[a-z]+(_[a-z]+){1,4}$/.test(text) && text.length <= 40 ? ` (${text})` : '';
}

function causeOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError')
    return `it did not answer within ${POST_MS / 1_000} s`;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return `it could not be reached (${typeof code === 'string' ? code : 'no reason known'})`;
}

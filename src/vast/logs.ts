import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import {
  boundsOf,
  type Caller,
  type CallOptions,
  callUntilAnswered,
  readJson,
  unexpectedShape,
} from './calling.ts';
import { MarketError, OUR_CODES } from './market-error.ts';
import type { Bounds } from './transport.ts';
import { text } from './wire-values.ts';

export type LogQuery = {
  /** Newest lines. */
  readonly tail: number;
  /** Only lines that contain it. */
  readonly filter?: string;
};

const LOG_BYTES_MAX = 1024 * 1024;
const UPLOAD_WAIT_MS = 20_000;
const POLL_MS = 300;

/**
 * The newest log lines of an instance, at most 1 MiB: a snapshot.
 *
 * Vast has the host upload them somewhere and names the place. It is fetched without the key, follows no
 * redirect, and is not there at first (403 or 404).
 */
export async function readLogs(
  caller: Caller,
  instanceId: number,
  query: LogQuery,
  options: CallOptions | undefined,
  { apiUrl }: { apiUrl: string },
): Promise<string> {
  const tried = `read the logs of instance ${instanceId}`;
  const bounds = boundsOf(options);
  const body = { tail: String(query.tail), ...(query.filter === undefined ? {} : { filter: query.filter }) };
  const url = await callUntilAnswered(
    caller,
    'logs',
    { method: 'PUT', path: `/api/v0/instances/request_logs/${instanceId}/`, body, tried },
    { ...options, deadlineMs: bounds.deadlineMs },
    (answer) => readLogUrl(readJson(answer, tried), { tried, apiUrl }),
  );
  return awaitUpload(caller, url, bounds, tried);
}

const LogsAnswer = z.object({ result_url: text, msg: text });

/** Over plain HTTP only where the API itself is: log lines hold prompts and paths. */
export function readLogUrl(json: unknown, { tried, apiUrl }: { tried: string; apiUrl: string }): URL {
  const parsed = LogsAnswer.safeParse(json);
  if (!parsed.success) throw unexpectedShape(tried, 'not an object');
  const { result_url: resultUrl, msg } = parsed.data;
  if (resultUrl === null) throw unexpectedShape(tried, `no result_url, but: ${(msg ?? '').slice(0, 200)}`);
  const url = URL.parse(resultUrl);
  const isAllowed = url?.protocol === 'https:' || (url?.protocol === 'http:' && apiUrl.startsWith('http:'));
  if (!url || !isAllowed) throw unexpectedShape(tried, 'result_url is no address to fetch from');
  return url;
}

async function awaitUpload(
  caller: Caller,
  url: URL,
  { signal, deadlineMs }: Bounds,
  tried: string,
): Promise<string> {
  const untilMs = Math.min(deadlineMs, Date.now() + UPLOAD_WAIT_MS);
  let lastStatus: number | null = null;
  while (Date.now() < untilMs) {
    try {
      const file = await caller.transport.fetchFile(url, {
        signal,
        deadlineMs: untilMs,
        bytesMax: LOG_BYTES_MAX,
      });
      if (file.status === 200) return file.text;
      lastStatus = file.status;
    } catch (error) {
      // Whatever kept the file store from answering may pass as well.
      if (!(error instanceof MarketError)) throw error;
    }
    if (lastStatus !== null && lastStatus >= 300 && lastStatus < 400) break;
    await pause(POLL_MS, undefined, signal ? { signal } : {}).catch(() => signal?.throwIfAborted());
  }
  const last = lastStatus === null ? 'no answer' : `last answer ${lastStatus}`;
  throw new MarketError({
    kind: 'unreachable',
    code: OUR_CODES.timeout,
    message: `Cannot ${tried}: the uploaded file did not appear in time (${last})`,
    status: lastStatus,
  });
}

import { parseMetrics, type Sample, sumOf } from './metrics.ts';

/** How much one vLLM process has been used, by its own counters, which begin at zero with the process. */
export type Usage = {
  readonly kind: 'usage';
  /** Sum over every finish reason, our own probes included. */
  readonly requestsFinished: number;
  readonly running: number;
  readonly waiting: number;
  readonly promptTokens: number;
  readonly generationTokens: number;
  /** Epoch seconds; null where several API processes share the page, which then has no such line. */
  readonly processStartedAtSec: number | null;
  /** Answered `GET /v1/models`: only a caller with the key moves it. */
  readonly modelsCalls: number;
};

export type UsageReading = Usage | { readonly kind: 'unreadable'; readonly why: string };

/**
 * Usage as a `/metrics` page tells it.
 *
 * Without the counter of finished requests or the gauges of those in flight nothing is concluded: read as
 * zeros, an image that does not count would look idle while it is used.
 */
export function toUsage(metricsText: string): UsageReading {
  const samples = parseMetrics(metricsText);
  const requestsFinished = sumOf(samples, 'vllm:request_success_total');
  const running = sumOf(samples, 'vllm:num_requests_running');
  const waiting = sumOf(samples, 'vllm:num_requests_waiting');
  if (!isCount(requestsFinished) || !isCount(running) || !isCount(waiting)) {
    return {
      kind: 'unreadable',
      why: 'the metrics page has no counts of requests (vllm:request_success_total)',
    };
  }
  const countOf = (name: string) => countIn(samples, name);
  return {
    kind: 'usage',
    requestsFinished,
    running,
    waiting,
    promptTokens: countOf('vllm:prompt_tokens_total'),
    generationTokens: countOf('vllm:generation_tokens_total'),
    processStartedAtSec: sumOf(samples, 'process_start_time_seconds'),
    modelsCalls: countIn(samples, 'http_requests_total', LEASE),
  };
}

/** How often `GET /v1/models` was answered, which is what an instance's guard goes by; 0 where it is not counted. */
export function countModelsCalls(metricsText: string): number {
  return countIn(parseMetrics(metricsText), 'http_requests_total', LEASE);
}

/** GET alone, as the guard reads it: a browser's preflight is answered 200 to everybody, key or not. */
const LEASE = { handler: '/v1/models', method: 'GET', status: '2xx' };

function countIn(samples: readonly Sample[], name: string, labels = {}): number {
  const sum = sumOf(samples, name, labels);
  return isCount(sum) ? sum : 0;
}

/**
 * Whether anybody but us used the instance between two readings, or is using it at the second.
 *
 * `ownProbes`: probes of ours (one token or one embedding each) sent between the two, answered in time or not.
 * After a restart the counters know only the new process, and which probes fell before it is unknown: all of
 * them are taken off.
 *
 * Tokens count beside finished requests: vLLM 0.16 counts a request whose caller hangs up, as people do who
 * have read enough, under no finish reason at all, but its tokens move.
 */
export function wasUsedSince(previous: Usage, current: Usage, ownProbes: number): boolean {
  if (current.running > 0 || current.waiting > 0) return true;
  const since = hasRestarted(previous, current) ? NOTHING_YET : previous;
  return (
    current.requestsFinished - since.requestsFinished > ownProbes ||
    current.generationTokens - since.generationTokens > ownProbes
  );
}

/** A new process, by its start time, or by a counter that went back where the page gives no start time. */
export function hasRestarted(previous: Usage, current: Usage): boolean {
  const { processStartedAtSec: before } = previous;
  const { processStartedAtSec: now } = current;
  if (before !== null && now !== null && before !== now) return true;
  return current.requestsFinished < previous.requestsFinished || current.modelsCalls < previous.modelsCalls;
}

const NOTHING_YET = { requestsFinished: 0, generationTokens: 0 };

function isCount(value: number | null): value is number {
  return value !== null && Number.isFinite(value) && value >= 0;
}

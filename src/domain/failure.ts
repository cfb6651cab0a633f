/**
 * Failures are classified here, once; everybody else acts on what is said here.
 *
 * The caller's ends the launch (every host would fail alike), the host's blocks its machine, the market's
 * moves on, the account's ends the launch and goes to its owner, nobody's is waited out. Only fatal text
 * fails fast: whatever is not known as fatal waits for its deadline.
 */
import {
  type FailureKind,
  LOG_ROWS,
  POLICIES,
  REFUSAL_ROWS,
  type Row,
  STATUS_ROWS,
} from './failure-table.ts';
import type { Instance } from './instance.ts';
import type { MarketErrorKind } from './market.ts';
import type { AttemptFailure, Whose } from './session.ts';

export type { FailureKind } from './failure-table.ts';

export type Failure = {
  readonly kind: FailureKind;
  readonly whose: Whose;
  /** What happened, what was seen, what to do. */
  readonly message: string;
  /** How long the machine is to be avoided, ms; 0 when it is not to blame. */
  readonly blockMachineMs: number;
  /** No other offer would help: end the launch. */
  readonly stop: boolean;
  /** Nobody of ours saw it happen: nothing is remembered of the machine. */
  readonly isUnseen?: boolean;
};

export const FAILURE_KINDS = Object.keys(POLICIES) as readonly FailureKind[];

/** A failure of this kind; `seen` is the evidence, such as the line of a log, and is shortened. */
export function failureOf(kind: FailureKind, seen: string | null = null): Failure {
  const { whose, blockMachineMs, stop, says } = POLICIES[kind];
  const evidence = seen === null || seen.trim() === '' ? '' : ` (${shortened(seen)})`;
  return { kind, whose, blockMachineMs, stop, message: `${says}${evidence}` };
}

/** What people see of it in an attempt. */
export function toAttemptFailure({ kind, whose, message }: Failure): AttemptFailure {
  return { kind, whose, message };
}

/** What a `status_msg` says went wrong; null for healthy, transitional and unknown texts. */
export function classifyStatusMessage(text: string | null): Failure | null {
  if (text === null || /^\s*success/i.test(text)) return null;
  const kind = findKind(STATUS_ROWS, text);
  return kind === null ? null : failureOf(kind, text);
}

/** Why a create was refused: `code` as in `CreateResult`. */
export function classifyCreateRefusal({ code, message }: { code: string; message: string }): Failure {
  const text = `${code} ${message}`;
  return failureOf(findKind(REFUSAL_ROWS, text) ?? 'refused', text);
}

/** What vLLM died of; the cause wins over the death, wherever in the log each stands. */
export function classifyVllmLog(lines: readonly string[]): Failure | null {
  for (const row of LOG_ROWS) {
    const line = lines.find((line) => matches(row, line));
    if (line !== undefined) return failureOf(row.kind, line);
  }
  return null;
}

/** Why a call to the market gave no answer. */
export function classifyMarketError(kind: MarketErrorKind, message: string | null = null): Failure {
  return failureOf(MARKET_ERRORS[kind], message);
}

/**
 * Why an instance that should run does not, by its own row; null while it runs or may still come to.
 *
 * Not for instances we stopped or destroyed. A row lags and flickers: whoever would lose a READY session by
 * this looks twice. At zero credit every instance stops, so ask for the credit before blaming a machine.
 */
export function classifyInstanceState(instance: InstanceState, nowMs: number | null = null): Failure | null {
  const { actualStatus, statusMessage } = instance;
  // The message of a running instance may be an old one.
  const said = actualStatus === 'running' ? null : classifyStatusMessage(statusMessage);
  if (said !== null) return said;

  const seen = `status ${actualStatus ?? 'unreported'}, intended ${instance.intendedStatus ?? 'unreported'}`;
  if (actualStatus === 'destroyed' || actualStatus === 'terminated') return failureOf('vanished', seen);
  if (actualStatus === 'offline' || actualStatus === 'unknown') return failureOf('host-offline', seen);
  if (instance.intendedStatus === 'stopped') return failureOf(whyStopped(instance, nowMs), seen);
  if (actualStatus === 'exited' || actualStatus === 'stopped') return failureOf('exited', seen);
  return null;
}

export type InstanceState = Pick<
  Instance,
  'actualStatus' | 'intendedStatus' | 'statusMessage' | 'isBid' | 'endsAtMs'
>;

/**
 * The same failure on another machine already: then the first machine was not to blame, and the next would fail
 * too. Only of kinds that a host and a caller can both cause; `earlierKinds` are those of other machines.
 */
export function settleBlame(failure: Failure, earlierKinds: readonly string[]): Failure {
  if (!isCausedByEither(failure.kind) || !earlierKinds.includes(failure.kind)) return failure;
  return {
    ...failure,
    whose: 'caller',
    blockMachineMs: 0,
    stop: true,
    message: `${failure.message} It happened on two machines: look at image, model and vllm_args.`,
  };
}

/** Whether a caller's order can be behind it as well as a host, which only another machine shows. */
export function isCausedByEither(kind: FailureKind): boolean {
  return CAUSED_BY_EITHER.includes(kind);
}

/** Not running by its deadline. */
export function bootTimeout(seen: { deadlineMs: number; statusMessage: string | null }): Failure {
  const said = seen.statusMessage
    ? `the machine last said: ${seen.statusMessage}`
    : 'the machine said nothing';
  return failureOf('boot-timeout', `${minutes(seen.deadlineMs)} allowed, ${said}`);
}

/** Running, but no model served by its deadline. */
export function vllmTimeout(seen: { deadlineMs: number; lastLogLine: string | null }): Failure {
  const said = seen.lastLogLine ? `its log ends: ${seen.lastLogLine}` : 'its log is empty';
  return failureOf('vllm-timeout', `${minutes(seen.deadlineMs)} allowed, ${said}`);
}

/** Create to READY took longer than one attempt may. */
export function startupTimeout(seen: { maxStartupMs: number; phase: string }): Failure {
  return failureOf('startup-timeout', `${minutes(seen.maxStartupMs)} allowed, it was ${seen.phase}`);
}

export function portMissing(containerPort: number): Failure {
  return failureOf('port-missing', `container port ${containerPort}`);
}

export function portUnreachable(seen: { host: string; port: number; error: string | null }): Failure {
  const error = seen.error ? `: ${seen.error}` : '';
  return failureOf('port-unreachable', `${seen.host}:${seen.port}${error}`);
}

/** The contract differs from the offer: `field` in words, and both values with their unit. */
export function contractMismatch(seen: { field: string; offered: string; got: string }): Failure {
  return failureOf('contract-mismatch', `${seen.field}: offered ${seen.offered}, got ${seen.got}`);
}

const CAUSED_BY_EITHER: readonly FailureKind[] = [
  'oci-error',
  'container-failed',
  'exited',
  'gpu-memory',
  'engine-died',
  'disk-full',
];

const MARKET_ERRORS = {
  auth: 'auth',
  'too-many': 'too-many',
  'search-quota': 'search-quota',
  unreachable: 'unreachable',
  'server-error': 'server-error',
  refused: 'refused',
  'bad-answer': 'bad-answer',
} as const satisfies Record<MarketErrorKind, FailureKind>;

function findKind(rows: readonly Row[], text: string): FailureKind | null {
  return rows.find((row) => matches(row, text))?.kind ?? null;
}

function matches({ fragments }: Row, text: string): boolean {
  const lower = text.toLowerCase();
  return fragments.every((fragment) => lower.includes(fragment));
}

/** Stopped without our asking. */
function whyStopped({ actualStatus, isBid, endsAtMs }: InstanceState, nowMs: number | null): FailureKind {
  if (nowMs !== null && endsAtMs !== null && endsAtMs <= nowMs) return 'listing-ended';
  // A bid that was never reached loads no further either.
  if (isBid) return 'outbid';
  const isStarting = actualStatus === null || actualStatus === 'created' || actualStatus === 'loading';
  return isStarting ? 'gave-up-loading' : 'stopped-by-provider';
}

const EVIDENCE_MAX = 300;

function shortened(text: string): string {
  const line = withoutSecrets(text)
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  return line.length <= EVIDENCE_MAX ? line : `${line.slice(0, EVIDENCE_MAX - 1)}…`;
}

/** vLLM logs its arguments, the key among them (`'api_key': ['…']`), and messages end up in status and alerts. */
function withoutSecrets(text: string): string {
  return text
    .replaceAll(/(api[_-]key['"]?[\s:=[]+['"]?)[^\s'",\]}]+/gi, '$1[redacted]')
    .replaceAll(/\bhf_[a-z0-9]{8,}/gi, '[redacted]');
}

function minutes(ms: number): string {
  return `${(ms / 60_000).toFixed(1)} minutes`;
}

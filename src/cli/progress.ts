import type { AttemptAnswer, StatusAnswer } from '../admin/answers.ts';
import { colours } from './colours.ts';
import { clock, usdPerHour } from './text.ts';

/**
 * What happened between two looks at a session, one line each, for people who watch it go.
 *
 * Lines come from the difference alone, so that a watcher who looks rarely misses no attempt and one who
 * looks often says nothing twice.
 */
export function progressLines(before: StatusAnswer | null, now: StatusAnswer, nowMs: number): string[] {
  const startedMs = now.started_at === null ? nowMs : Date.parse(now.started_at);
  const at = colours.dim(clock(nowMs - startedMs).padStart(7));
  return [
    ...acceptanceLines(before, now),
    ...now.attempts.flatMap((attempt) => attemptLines(findAttempt(before, attempt), attempt)),
    ...stateLines(before, now),
  ].map((line) => `${at}  ${line}`);
}

/** What an attempt's failure was, and whose, in plain words. */
export function failureText(attempt: AttemptAnswer): string {
  if (attempt.failure === null) return '';
  return `${attempt.failure.message} (${attempt.failure.kind}; ${WHOSE_WORDS[attempt.failure.whose] ?? attempt.failure.whose})`;
}

const STATE_WORDS: Record<StatusAnswer['state'], string> = {
  IDLE: 'ended',
  SEARCHING: 'searching',
  LAUNCHING: 'renting',
  BOOTING: 'booting',
  STARTING_VLLM: 'starting vLLM',
  READY: 'ready',
  DESTROYING: 'destroying',
};

const WHOSE_WORDS: Record<string, string> = {
  caller: 'what was asked for is at fault',
  host: 'this machine is at fault',
  market: 'the market moved',
  account: 'the account is at fault',
  nobody: 'a passing trouble',
};

function acceptanceLines(before: StatusAnswer | null, now: StatusAnswer): string[] {
  if (now.accepted === null && before === null && now.state !== 'IDLE')
    return ['accepted by Temporal; it begins as soon as a worker is there to judge the budget'];
  return [];
}

function findAttempt(status: StatusAnswer | null, attempt: AttemptAnswer): AttemptAnswer | undefined {
  return status?.attempts.find((one) => one.label === attempt.label);
}

function attemptLines(before: AttemptAnswer | undefined, now: AttemptAnswer): string[] {
  const lines: string[] = [];
  const name = `attempt ${now.attempt}`;
  if (before === undefined) {
    lines.push(`${name}: ${now.gpu} at ${usdPerHour(now.usd_per_hour)} on machine ${now.machine_id}`);
  }
  if (now.instance_id !== null && (before?.instance_id ?? null) === null) {
    lines.push(`${name}: instance ${now.instance_id} rented`);
  }
  if (now.failure !== null && (before?.failure ?? null) === null) {
    lines.push(colours.red(`${name} failed: ${failureText(now)}`));
  }
  if (before !== undefined && now.phase === 'settling' && before.phase !== 'settling') {
    lines.push(`${name}: the market gave no clear answer; looking for the instance by its label`);
  }
  if (before !== undefined && now.phase === 'gone' && before.phase !== 'gone') {
    lines.push(now.instance_id === null ? `${name}: nothing was rented` : `${name}: instance is gone`);
  }
  return lines;
}

function stateLines(before: StatusAnswer | null, now: StatusAnswer): string[] {
  if (before?.state === now.state) return [];
  if (now.state === 'READY') return [colours.green('READY')];
  // An attempt's own line says that it is being rented, and the receipt that the session has ended.
  if (now.state === 'IDLE' || now.state === 'LAUNCHING') return [];
  return [STATE_WORDS[now.state]];
}

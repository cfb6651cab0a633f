import pc from 'picocolors';
import type { AttemptAnswer, StatusAnswer } from '../admin/answers.ts';
import type { Look } from './status-text.ts';
import { clock, duration, usd, usdPerHour } from './text.ts';

/** One step on the way to READY: how long it took, or takes already, and how long it was expected to. */
export type Step = {
  readonly name: 'search' | 'rent' | 'boot' | 'load' | 'READY';
  readonly standing: 'done' | 'now' | 'next';
  readonly seconds: number | null;
  readonly expectedSeconds: number | null;
};

/**
 * The way of a launch's newest attempt. A step begins where the one before it ended, so all of them together are the
 * time since the session was launched, less what failed attempts took.
 */
export function stepsOf(status: StatusAnswer, nowMs: number): Step[] {
  const attempt = status.attempts.findLast(({ failure }) => failure === null) ?? null;
  const [bootSeconds, loadSeconds] = expectedOf(attempt);
  const searchedFrom = latestEnd(status) ?? status.started_at;
  const names = ['search', 'rent', 'boot', 'load'] as const;
  const ends = [
    attempt?.started_at,
    attempt?.created_at,
    attempt?.running_at,
    attempt?.ready_at ?? status.ready_at,
  ];
  const expected = [null, null, bootSeconds, loadSeconds];
  let begunAt: string | null = searchedFrom;
  const steps = names.map((name, at): Step => {
    const [from, to] = [begunAt, ends[at] ?? null];
    begunAt = to;
    const standing = to !== null ? 'done' : from !== null ? 'now' : 'next';
    return {
      name,
      standing,
      seconds: from === null ? null : ((to === null ? nowMs : Date.parse(to)) - Date.parse(from)) / 1_000,
      expectedSeconds: expected[at] ?? null,
    };
  });
  const isReady = status.state === 'READY';
  return [
    ...steps,
    { name: 'READY', standing: isReady ? 'done' : 'next', seconds: null, expectedSeconds: null },
  ];
}

/** What stands below the live line: the steps, and the money with what ends it. */
export function stepLines(status: StatusAnswer, look: Look): string[] {
  const isOnItsWay = ['SEARCHING', 'LAUNCHING', 'BOOTING', 'STARTING_VLLM'].includes(status.state);
  return [
    ...(isOnItsWay ? [stepsOf(status, look.nowMs).map(stepText).join('  ')] : []),
    moneyText(status, look),
  ].map((line) => `   ${line}`);
}

function stepText({ name, standing, seconds, expectedSeconds }: Step): string {
  const took = seconds === null ? '' : ` ${clock(seconds * 1_000)}`;
  const about = expectedSeconds === null ? '' : ` ~${clock(expectedSeconds * 1_000)}`;
  switch (standing) {
    case 'done':
      return pc.green(`✓ ${name}${took}`);
    case 'now':
      return pc.bold(`▸ ${name}${took}${about === '' ? '' : ` of${about}`}`);
    case 'next':
      return pc.dim(`· ${name}${about}`);
  }
}

function moneyText(status: StatusAnswer, { nowMs }: Look): string {
  const { spent_usd: spentUsd, limit_usd: limitUsd, projected_breach_at: breachAt } = status.budget;
  const rate = status.usd_per_hour === null ? '' : ` at ${usdPerHour(status.usd_per_hour)}`;
  const left = (iso: string) => duration(Date.parse(iso) - nowMs);
  return [
    `${usd(spentUsd)} of ${usd(limitUsd)}${rate}`,
    ...(breachAt === null ? [] : [`budget lasts ${left(breachAt)}`]),
    ...(status.keep_alive_until === null ? [] : [`kept ${left(status.keep_alive_until)} more`]),
  ].join(pc.dim(' · '));
}

/** Seconds from create to running, and from running to a served model. */
function expectedOf(attempt: AttemptAnswer | null): [boot: number | null, load: number | null] {
  const running = attempt?.expected_running_seconds ?? null;
  const ready = attempt?.expected_ready_seconds ?? null;
  return [running, running === null || ready === null ? null : ready - running];
}

/** When the newest failed attempt was over: from then on the next offer was looked for. */
function latestEnd({ attempts }: StatusAnswer): string | null {
  return attempts.findLast(({ failure }) => failure !== null)?.ended_at ?? null;
}

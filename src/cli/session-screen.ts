import type { StatusAnswer } from '../admin/answers.ts';
import { colours } from './colours.ts';
import { cut, facts, pad, wrap } from './layout.ts';
import { spinner } from './live-screen.ts';
import { bar } from './offers-text.ts';
import { colourState, type Look } from './status-text.ts';
import { type Step, stepsOf } from './steps.ts';
import { clock, duration, moment, usd, usdPerHour } from './text.ts';

/** A session that is being watched, on one screen; `footer` says what Ctrl-C does. */
export function sessionScreen(status: StatusAnswer, look: Look, footer: readonly string[]): string[] {
  return [
    ...wrap(headline(status, look), look.width),
    '',
    ...stepLines(stepsOf(status, look.nowMs), look),
    '',
    // Cut by the screen where they are too long: a line that comes and goes would move all below it.
    ...facts(liveFacts(status, look)),
    '',
    ...footer.flatMap((line) => wrap(line, look.width)).map((line) => colours.dim(line)),
  ];
}

/** A line for each step: its mark, how long it took of how long it should, and what there is to say. */
export function stepLines(steps: readonly Step[], look: Look): string[] {
  const titles = Math.max(TITLE_WIDTH, ...steps.map(({ title }) => title.length));
  const times = Math.max(0, ...steps.map((step) => timeText(step).length));
  const margin = MARK_WIDTH + titles + times + 4;
  return steps.flatMap((step) => {
    const head = `  ${mark(step, look.nowMs)} ${titleText(step, titles)}  ${timeColour(step, timeText(step).padEnd(times))}`;
    const [first = '', ...rest] = saidLines(step, look.width - margin);
    return [`${head}  ${first}`.trimEnd(), ...rest.map((line) => ' '.repeat(margin) + line)];
  });
}

const MARK_WIDTH = 4;
const TITLE_WIDTH = 'starting vLLM'.length;
/** What a step says is one line, but the reason of a failure is told whole. */
function saidLines({ standing, says }: Step, width: number): string[] {
  if (width < NARROWEST_SAID) return [];
  return standing === 'failed' ? wrap(says, width).map((line) => colours.red(line)) : [cut(says, width)];
}

const NARROWEST_SAID = 12;

function mark({ standing }: Step, nowMs: number): string {
  switch (standing) {
    case 'done':
      return colours.green('✓');
    case 'failed':
      return colours.red('✗');
    case 'current':
      return colours.yellow(spinner(nowMs));
    case 'ahead':
      return colours.dim('·');
  }
}

function titleText({ title, standing }: Step, width: number): string {
  const padded = pad(title, width);
  if (standing === 'current') return colours.bold(padded);
  return standing === 'ahead' ? colours.dim(padded) : padded;
}

function timeText({ standing, tookMs, expectedMs }: Step): string {
  const took = tookMs === null ? '' : clock(tookMs);
  if (expectedMs === null || standing === 'done') return took;
  return tookMs === null ? `about ${clock(expectedMs)}` : `${took} of about ${clock(expectedMs)}`;
}

function timeColour({ standing, tookMs, expectedMs }: Step, text: string): string {
  if (standing === 'ahead') return colours.dim(text);
  const isLate = standing === 'current' && expectedMs !== null && (tookMs ?? 0) > expectedMs;
  return isLate ? colours.yellow(text) : text;
}

function headline(status: StatusAnswer, { nowMs }: Look): string {
  const since =
    status.started_at === null ? '' : `, launched ${clock(nowMs - Date.parse(status.started_at))} ago`;
  return `${colours.bold(status.session)}  ${colourState(status.state)}  ${status.model ?? ''}${colours.dim(since)}`;
}

function liveFacts(status: StatusAnswer, look: Look): [string, string][] {
  const pairs: [string, string | null][] = [
    ['GPU', gpuText(status)],
    ['spent', spentText(status, look)],
    ['keep-alive', keepAliveText(status, look)],
    ['lifetime', status.lifetime_until && `ends ${momentLeft(status.lifetime_until, look)} whatever its use`],
    ['health', healthText(status)],
    ['detail', status.detail],
  ];
  return pairs.filter((pair): pair is [string, string] => pair[1] !== null);
}

function gpuText({ gpu, machine_id: machine, instance_id: instance, usd_per_hour: price }: StatusAnswer) {
  if (gpu === null) return null;
  const parts = [
    gpu,
    price === null ? null : usdPerHour(price),
    machine === null ? null : `machine ${machine}`,
    instance === null ? null : `instance ${instance}`,
  ];
  return parts.filter((part) => part !== null).join(', ');
}

function spentText({ budget }: StatusAnswer, look: Look): string {
  const { spent_usd: spent, limit_usd: limit, projected_breach_at: breachAt } = budget;
  const share = limit === 0 ? 1 : spent / limit;
  const breach = breachAt === null ? '' : `, at this rate until ${momentLeft(breachAt, look)}`;
  return `${bar(share, 10)} ${usd(spent)} of ${usd(limit)}${breach}`;
}

/** Counted down by the second: what is not used in time is given back. */
function keepAliveText({ state, keep_alive_until: until }: StatusAnswer, { nowMs }: Look): string | null {
  if (until === null || state !== 'READY') return null;
  const leftMs = Date.parse(until) - nowMs;
  if (leftMs <= 0) return 'is over; it ends unless it was used just now';
  return `ends in ${clock(leftMs)}, at ${moment(until, nowMs)}; each use begins it anew`;
}

function healthText({ health, unconfirmed_for_seconds: unconfirmed }: StatusAnswer): string | null {
  if (unconfirmed !== null)
    return colours.yellow(`destroyed ${duration(unconfirmed * 1_000)} ago, and the provider still lists it`);
  const failures = health.consecutive_failures;
  return failures === 0 ? null : colours.red(`${failures} failed looks in a row`);
}

function momentLeft(iso: string, { nowMs }: Look): string {
  const leftMs = Date.parse(iso) - nowMs;
  return `${moment(iso, nowMs)}${leftMs > 0 ? ` (in ${duration(leftMs)})` : ''}`;
}

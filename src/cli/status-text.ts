import type { AttemptAnswer, SessionsAnswer, StatusAnswer } from '../admin/answers.ts';
import { colours } from './colours.ts';
import { type Column, facts, table } from './layout.ts';
import { receiptText } from './receipt-text.ts';
import { clock, duration, moment, usd, usdPerHour } from './text.ts';

export type Look = { readonly nowMs: number; readonly width: number };

/** A session on one screen: where it stands, what it costs, what ends it, what was tried. */
export function statusText(status: StatusAnswer, look: Look): string[] {
  if (status.state === 'IDLE' && status.receipt !== null) {
    return [headline(status, look), '', ...receiptText(status.receipt, look)];
  }
  if (status.started_at === null) {
    const hint = 'leash launch starts one; leash sessions --all shows what there was.';
    return [headline(status, look), colours.dim(hint)];
  }
  return [
    headline(status, look),
    ...facts(factsOf(status, look), look),
    ...attemptsTable(status.attempts, look),
  ];
}

export function sessionsText(list: SessionsAnswer, look: Look): string[] {
  if (list.items.length === 0)
    return ['No session is open. `leash launch` starts one; --all shows past ones.'];
  const columns = [
    { title: 'session', narrowest: 12 },
    { title: 'state' },
    { title: 'outcome', dropped: 5 },
    { title: 'GPU', narrowest: 8, dropped: 4 },
    { title: '$/h', align: 'right', dropped: 6 },
    { title: 'instance', align: 'right', dropped: 1 },
    { title: 'started', dropped: 2 },
    { title: 'for', align: 'right', dropped: 3 },
  ] satisfies Column[];
  const rows = list.items.map((item) => [
    item.session,
    colourState(item.state),
    item.outcome ?? '',
    item.gpu ?? '',
    item.usd_per_hour?.toFixed(3) ?? '',
    item.instance_id === null ? '' : String(item.instance_id),
    moment(item.started_at, look.nowMs),
    clock((item.ended_at === null ? look.nowMs : Date.parse(item.ended_at)) - Date.parse(item.started_at)),
  ]);
  return table(columns, rows, look.width);
}

export function colourState(state: string): string {
  if (state === 'READY') return colours.green(state);
  if (state === 'IDLE') return colours.dim(state);
  return colours.yellow(state);
}

function headline(status: StatusAnswer, look: Look): string {
  const since =
    status.state === 'IDLE' || status.started_at === null
      ? ''
      : colours.dim(`  launched ${clock(look.nowMs - Date.parse(status.started_at))} ago`);
  return `${colours.bold(status.session)}  ${colourState(status.state)}${since}  ${status.detail}`;
}

function factsOf(status: StatusAnswer, look: Look): [string, string][] {
  if (status.state === 'IDLE') return [];
  const pairs: [string, string | null][] = [
    ['model', status.model],
    ['endpoint', status.endpoint],
    ['GPU', gpuText(status)],
    ['spent', `${usd(status.budget.spent_usd)} of ${usd(status.budget.limit_usd)}`],
    ['budget reached', untilText(status.budget.projected_breach_at, look)],
    ['keep-alive until', untilText(status.keep_alive_until, look)],
    ['last used', status.last_used_at && moment(status.last_used_at, look.nowMs)],
    ['lifetime until', untilText(status.lifetime_until, look)],
    ['health', healthText(status)],
    ['unconfirmed', unconfirmedText(status)],
    ['accepted', status.accepted === null ? 'not judged yet: no worker has answered' : null],
  ];
  return pairs.filter((pair): pair is [string, string] => pair[1] !== null);
}

function gpuText(status: StatusAnswer): string | null {
  if (status.gpu === null) return null;
  const price = status.usd_per_hour === null ? '' : ` at ${usdPerHour(status.usd_per_hour)}`;
  const instance = status.instance_id === null ? '' : `, instance ${status.instance_id}`;
  const machine = status.machine_id === null ? '' : ` on machine ${status.machine_id}`;
  return `${status.gpu}${price}${instance}${machine}`;
}

function untilText(iso: string | null, look: Look): string | null {
  if (iso === null) return null;
  const leftMs = Date.parse(iso) - look.nowMs;
  return `${moment(iso, look.nowMs)} ${leftMs > 0 ? `(in ${duration(leftMs)})` : '(passed)'}`;
}

function healthText(status: StatusAnswer): string | null {
  const failures = status.health.consecutive_failures;
  return failures === 0 ? null : colours.red(`${failures} failed looks in a row`);
}

/** The provider was told to destroy it and still shows it: money may be running. */
function unconfirmedText(status: StatusAnswer): string | null {
  const seconds = status.unconfirmed_for_seconds;
  return seconds === null
    ? null
    : colours.yellow(`destroyed ${duration(seconds * 1_000)} ago and still listed`);
}

function attemptsTable(attempts: readonly AttemptAnswer[], look: Look): string[] {
  if (attempts.length === 0) return [];
  const columns = [
    { title: 'attempt', align: 'right' },
    { title: 'GPU', narrowest: 8 },
    { title: '$/h', align: 'right', dropped: 3 },
    { title: 'machine', align: 'right', dropped: 2 },
    { title: 'instance', align: 'right', dropped: 1 },
    { title: 'phase' },
    { title: 'cost', align: 'right', dropped: 4 },
    { title: 'failure', narrowest: 16 },
  ] satisfies Column[];
  const rows = attempts.map((attempt) => [
    String(attempt.attempt),
    attempt.gpu,
    attempt.usd_per_hour.toFixed(3),
    String(attempt.machine_id),
    attempt.instance_id === null ? '' : String(attempt.instance_id),
    attempt.phase,
    usd(attempt.usd),
    attempt.failure === null ? '' : colours.red(`${attempt.failure.kind}: ${attempt.failure.message}`),
  ]);
  return ['', ...table(columns, rows, look.width - 2).map((line) => `  ${line}`)];
}

import { usd } from './budget.ts';
import type { Notification, NotificationKind, Severity } from './notification.ts';
import { capital, clock, cut, maybeIso, round, seconds, sentence, span } from './notification-words.ts';
import type { AttemptFailure, AttemptView, Receipt, Whose } from './session.ts';

/** What each kind of notification says of a session: what is so, what Leash does next, what people should do. */

/** The session that is told of, at the moment of the event. */
export type Subject = {
  readonly session: string;
  readonly run: string;
  readonly nowMs: number;
  readonly budgetUsd: number;
  readonly spentUsd: number;
};

/** An instance, as far as people tell one from another. */
export type Machine = {
  readonly attempt: number;
  readonly instanceId: number | null;
  readonly machineId: number;
  readonly gpu: string;
  readonly usdPerHour: number;
};

export function readyNotice(
  of: Subject,
  machine: Machine,
  serving: { readonly model: string; readonly startedAtMs: number; readonly keepAliveUntilMs: number | null },
): Notification {
  const { session, nowMs } = of;
  const until =
    serving.keepAliveUntilMs === null
      ? ''
      : ` It ends at ${clock(serving.keepAliveUntilMs, nowMs)} unless it is used or extended.`;
  return aboutSession(of, {
    kind: 'ready',
    suffix: `.${machine.attempt}`,
    severity: 'info',
    title: `${session} is READY on ${machine.gpu}`,
    text:
      `Session ${session} serves ${serving.model} on ${machine.gpu} (machine ${machine.machineId}) for ` +
      `${usd(machine.usdPerHour)}/h, ${span(nowMs - serving.startedAtMs)} after its launch; ` +
      `${usd(of.spentUsd)} of ${usd(of.budgetUsd)} are spent.${until} ` +
      `"leash destroy --session ${session}" ends it now.`,
    data: {
      ...machineData(machine),
      keep_alive_until: maybeIso(serving.keepAliveUntilMs),
      seconds_since_launch: seconds(nowMs - serving.startedAtMs),
    },
  });
}

/** With the receipt: everything that was rented has been seen gone by then. */
export function destroyedNotice(of: Subject, receipt: Receipt): Notification {
  const { session } = of;
  const { outcome, reason, startedAtMs, endedAtMs, forecastUsd } = receipt;
  const costUsd = receipt.usd.total;
  const forecast = forecastUsd === null ? '' : ` (${usd(forecastUsd)} were forecast)`;
  return aboutSession(of, {
    kind: 'destroyed',
    severity: outcome === 'completed' || outcome === 'cancelled' ? 'info' : 'warning',
    title: `${session} ended: ${outcome === 'completed' ? reason : outcome}, ${usd(costUsd)}`,
    text:
      `Session ${session} ended after ${span(endedAtMs - startedAtMs)}: ${sentence(endOf(receipt))} ` +
      `It cost ${usd(costUsd)} of its ${usd(of.budgetUsd)}${forecast}. ` +
      `Everything it rented was seen gone; there is nothing to do, and "leash status --session ${session}" shows the receipt.`,
    data: {
      outcome,
      cost_usd: round(costUsd),
      forecast_usd: forecastUsd === null ? null : round(forecastUsd),
      attempts: receipt.attempts.length,
      seconds_in_all: seconds(endedAtMs - startedAtMs),
    },
  });
}

export function launchFailedNotice(
  of: Subject,
  launch: {
    readonly outcome: string;
    readonly reason: string;
    readonly attempts: readonly AttemptView[];
    /** Something of it may still exist on the market. */
    readonly isLeaving: boolean;
  },
): Notification {
  const { session } = of;
  const { attempts } = launch;
  const failures = attempts.flatMap(({ failure }) => (failure === null ? [] : [failure]));
  const lines = attempts.slice(-ATTEMPTS_TOLD).map(attemptLine);
  const untold = attempts.length - lines.length;
  const earlier = untold > 0 ? [`(${untold} earlier attempts are in its status)`] : [];
  const leaving = launch.isLeaving
    ? 'Leash gives back what it had rented, and tells of it when all is gone.'
    : 'Nothing of it is rented.';
  return aboutSession(of, {
    kind: 'launch-failed',
    severity: 'warning',
    title: `${session} could not be launched`,
    text: [
      `Session ${session} did not come to serve: ${sentence(cut(asEnded(launch.reason), REASON_CHARACTERS))} ${leaving}`,
      ...earlier,
      ...lines,
      remedyOf(failures.at(-1)),
    ]
      .filter((line) => line !== '')
      .join('\n'),
    data: { outcome: launch.outcome, attempts: attempts.length },
  });
}

/** A threshold of the session's own budget. */
export function sessionBudgetNotice(
  of: Subject,
  money: {
    readonly percent: 50 | 80 | 100;
    readonly burnUsdPerHour: number;
    readonly endsAtMs: number | null;
  },
): Notification {
  const { session, nowMs, spentUsd, budgetUsd } = of;
  const { percent, burnUsdPerHour, endsAtMs } = money;
  const spent = `${usd(spentUsd)} of its ${usd(budgetUsd)}`;
  const end =
    endsAtMs === null ? '' : ` At this rate Leash ends it at ${clock(endsAtMs, nowMs)} to stay within it.`;
  return aboutSession(of, {
    kind: `budget-${percent}`,
    severity: SEVERITY_OF_PERCENT[percent],
    title:
      percent === 100
        ? `${session} has reached its budget`
        : `${session} has spent ${percent} % of its budget`,
    text:
      percent === 100
        ? `Session ${session} has spent ${spent}; what is left of that is kept for its teardown. ` +
          'Leash destroys its instances now. If it is still needed, launch it again with a larger budget_usd.'
        : `Session ${session} has spent ${spent}, and spends ${usd(burnUsdPerHour)}/h.${end} ` +
          `If it is not needed, end it now: "leash destroy --session ${session}".`,
    data: { percent, usd_per_hour: round(burnUsdPerHour), ends_by: maybeIso(endsAtMs) },
  });
}

export function projectedBreachNotice(
  of: Subject,
  breach: { readonly burnUsdPerHour: number; readonly endsAtMs: number; readonly keptUntilMs: number },
): Notification {
  const { session, nowMs, spentUsd, budgetUsd } = of;
  const { burnUsdPerHour, endsAtMs, keptUntilMs } = breach;
  return aboutSession(of, {
    kind: 'projected-breach',
    severity: 'warning',
    title: `${session} will reach its budget at ${clock(endsAtMs, nowMs)}`,
    text:
      `Session ${session} will reach its budget of ${usd(budgetUsd)} before it would end by itself ` +
      `(${clock(keptUntilMs, nowMs)}): ${usd(spentUsd)} are spent, at ${usd(burnUsdPerHour)}/h. ` +
      `Leash ends it at ${clock(endsAtMs, nowMs)}, teardown included in the budget. ` +
      'If work shall go on past that, launch another session with a larger budget_usd before.',
    data: {
      usd_per_hour: round(burnUsdPerHour),
      ends_by: maybeIso(endsAtMs),
      kept_until: maybeIso(keptUntilMs),
    },
  });
}

/** A READY instance was given up. */
export function breakerNotice(
  of: Subject,
  machine: Machine,
  broken: {
    readonly failure: AttemptFailure;
    readonly servedMs: number;
    readonly next: 'replaced' | 'not-asked' | 'no-use';
  },
): Notification {
  const { session } = of;
  const { failure, servedMs, next } = broken;
  const name = nameOf(machine);
  return aboutSession(of, {
    kind: 'breaker',
    suffix: `.${machine.attempt}`,
    severity: 'warning',
    title: `${session} gave up its ${machine.gpu}${next === 'replaced' ? ' and rents another' : ' and ends'}`,
    text:
      `Session ${session} gave up ${name} after ${span(servedMs)} of service: ` +
      `${sentence(cut(asEnded(failure.message), REASON_CHARACTERS))} ` +
      AFTER_BREAKER[next].replace('{left}', usd(Math.max(0, of.budgetUsd - of.spentUsd))),
    data: { ...machineData(machine), failure: failure.kind, replaced: next === 'replaced' ? 'yes' : 'no' },
  });
}

/** Our DELETE was sent a while ago, and the instance was not seen gone since. */
export function unconfirmedNotice(
  of: Subject,
  machine: Machine,
  teardown: { readonly deleteSentAtMs: number; readonly isGone: boolean },
): Notification {
  const { session, nowMs } = of;
  const name = nameOf(machine);
  const since = span(nowMs - teardown.deleteSentAtMs);
  const { isGone } = teardown;
  return aboutSession(of, {
    kind: 'teardown-unconfirmed',
    suffix: `.${machine.attempt}${isGone ? '.gone' : ''}`,
    severity: isGone ? 'info' : 'critical',
    title: isGone
      ? `Instance ${machine.instanceId ?? 'without id'} of ${session} is gone after all`
      : `Instance ${machine.instanceId ?? 'without id'} of ${session} is still there after our DELETE`,
    text: isGone
      ? `${capital(name)} of session ${session} was seen gone ${since} after our DELETE. ` +
        `It bills no more, and there is nothing to do; the receipt of ${session} says what it cost.`
      : `${capital(name)} of session ${session} was not seen gone within ${since} of our DELETE, and may go on billing. ` +
        'Leash goes on destroying it until it is, and tells of that. ' +
        'If this lasts, destroy it in the console of the provider.',
    data: { ...machineData(machine), seconds_since_delete: seconds(nowMs - teardown.deleteSentAtMs) },
  });
}

const ATTEMPTS_TOLD = 8;
const REASON_CHARACTERS = 400;
const ATTEMPT_CHARACTERS = 200;
const SEVERITY_OF_PERCENT = { 50: 'info', 80: 'warning', 100: 'critical' } as const;

const AFTER_BREAKER = {
  replaced:
    'Leash destroys it and rents another with the {left} that are left of the budget; there is nothing to do.',
  'not-asked':
    'Leash destroys it and ends the session, which was launched without replace. Launch it again if it is still needed.',
  'no-use':
    'Leash destroys it and ends the session: another host would fail alike. Mend the cause, then launch it again.',
} as const;

const REMEDIES: Readonly<Record<Whose, string>> = {
  caller: 'Every host would fail alike: change the launch, then launch it again.',
  account: 'Look at the account of the provider, then launch it again.',
  host: 'Launch it again: the machines that failed are avoided now.',
  market: 'Launch it again later, or allow more: a higher price, other GPUs, other places.',
  nobody: 'Launch it again in a while.',
};

function remedyOf(failure: AttemptFailure | undefined): string {
  return failure === undefined ? '' : REMEDIES[failure.whose];
}

function attemptLine({ attempt, gpu, machineId, usdPerHour, failure }: AttemptView): string {
  const why = failure === null ? 'was called off' : cut(asEnded(failure.message), ATTEMPT_CHARACTERS);
  return `${attempt}. ${gpu}, machine ${machineId}, ${usd(usdPerHour)}/h: ${why}`;
}

/** What happened, without what was tried next: by now that has happened too, or will not. */
function asEnded(message: string): string {
  return message.replace(NEXT_STEP, (_all, letter?: string) =>
    letter === undefined ? '' : ` ${letter.toUpperCase()}`,
  );
}

/** As the table of failures has it; what is to be looked at may follow. */
const NEXT_STEP = / (?:Another machine|The next one|The next offer) is tried(?:\.|; ([a-z]))/;

const COMPLETED_BECAUSE: Readonly<Record<string, string>> = {
  requested: 'its end was asked for',
  idle: 'nobody used it any more',
  lifetime: 'its lifetime was over',
  shutdown: 'the program that runs Leash was stopped',
};

function endOf({ outcome, reason }: Receipt): string {
  return outcome === 'completed' ? (COMPLETED_BECAUSE[reason] ?? reason) : cut(reason, REASON_CHARACTERS);
}

function aboutSession(
  { session, run, nowMs, budgetUsd, spentUsd }: Subject,
  says: {
    readonly kind: NotificationKind;
    /** Tells two events of one kind apart. */
    readonly suffix?: string;
    readonly severity: Severity;
    readonly title: string;
    readonly text: string;
    readonly data: Notification['data'];
  },
): Notification {
  const { kind, suffix = '', severity, title, text, data } = says;
  return {
    id: `${session}.${run}.${kind}${suffix}`,
    kind,
    atMs: nowMs,
    session,
    run,
    title,
    text,
    severity,
    data: { ...data, spent_usd: round(spentUsd), budget_usd: round(budgetUsd) },
  };
}

function machineData({ attempt, instanceId, machineId, usdPerHour }: Machine) {
  return { attempt, instance_id: instanceId, machine_id: machineId, usd_per_hour: round(usdPerHour) };
}

function nameOf({ instanceId, machineId, gpu, usdPerHour }: Machine): string {
  return `instance ${instanceId ?? 'without id'} (${gpu}, machine ${machineId}, ${usd(usdPerHour)}/h)`;
}

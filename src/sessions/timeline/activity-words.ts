import { usd } from '../../domain/budget.ts';

/** What became of a step, in plain words. */
export type Told = {
  readonly kind: 'step' | 'failed';
  readonly title: string;
  readonly detail?: string | undefined;
};

/** The result of an activity as its history holds it: JSON of any version of ours. */
type Result = Readonly<Record<string, unknown>>;

/** What an activity that answered has done. A type or a result that is not known is told by its summary. */
export function tellAnswer(type: string, result: unknown, summary: string | null): Told {
  const fallback: Told = { kind: 'step', title: summary ?? type };
  const tell = TELLERS[type];
  return tell !== undefined && isResult(result) ? (tell(result) ?? fallback) : fallback;
}

/** The failure that a watching activity came back with. */
function failureOf(result: Result): Told | null {
  const failure = result.failure;
  if (!isResult(failure)) return null;
  return {
    kind: 'failed',
    title: text(failure.message) ?? 'It failed',
    detail: `${text(failure.kind) ?? 'unknown'}, ${WHOSE[text(failure.whose) ?? ''] ?? 'nobody knows whose'}`,
  };
}

const WHOSE: Record<string, string> = {
  caller: "the caller's",
  host: "the host's",
  market: "the market's",
  account: "the account's",
  nobody: "nobody's",
};

const TELLERS: Record<string, (result: Result) => Told | null> = {
  reserveBudget: ({ kind, numbers }) => ({
    kind: kind === 'reserved' ? 'step' : 'failed',
    title: kind === 'reserved' ? 'Budget reserved' : `Budget not reserved: ${text(kind)}`,
    detail: isResult(numbers)
      ? `${dollars(numbers.spentUsd)} spent and ${dollars(numbers.reservedUsd)} reserved of ${dollars(numbers.limitUsd)}`
      : undefined,
  }),
  readAccount: ({ kind, creditUsd, message }) =>
    kind === 'ok'
      ? { kind: 'step', title: `The account has ${dollars(creditUsd)} of credit` }
      : { kind: 'failed', title: text(message) ?? `The account has ${dollars(creditUsd)} of credit` },
  searchOffers: ({ kind, choices, offersSeen, offersFit, why, message }) =>
    kind === 'found' && Array.isArray(choices)
      ? {
          kind: 'step',
          title:
            offersFit === undefined
              ? `${choices.length} offers to try, of ${String(offersSeen)}`
              : `${String(offersFit)} of ${String(offersSeen)} offers fit`,
          detail: bestOf(choices[0]),
        }
      : { kind: 'failed', title: 'No offer was found', detail: text(why) ?? text(message) },
  grantAttempt: ({ kind, by }) => {
    if (kind === 'granted') return null;
    return { kind: 'failed', title: `Not granted: ${text(kind)}`, detail: text(by) };
  },
  rentInstance: ({ kind, instanceId, usdPerHour, message, code }) => {
    if (kind === 'created')
      return {
        kind: 'step',
        title: `Instance ${String(instanceId)} created`,
        detail: typeof usdPerHour === 'number' ? `${usd(usdPerHour)}/h` : undefined,
      };
    return {
      kind: 'failed',
      title: kind === 'refused' ? 'The market refused the create' : 'The create was not plainly answered',
      detail: text(message) ?? text(code),
    };
  },
  awaitRunning: (result) =>
    failureOf(result) ?? {
      kind: 'step',
      title: 'The container runs and its port is mapped',
      detail: text(result.endpoint),
    },
  awaitModel: (result) => failureOf(result) ?? { kind: 'step', title: 'The model answers' },
  superviseInstance: (result) =>
    failureOf(result) ?? {
      kind: 'step',
      title: SUPERVISED[text(result.kind) ?? ''] ?? 'Supervision came back',
    },
  awaitDrained: ({ drained }) => ({
    kind: 'step',
    title:
      drained === true ? 'No request is in flight' : 'Requests were still in flight when the drain was over',
  }),
  destroyInstance: ({ kind }) => ({
    kind: 'step',
    title: kind === 'gone' ? 'Destroy sent: it was gone already' : 'Destroy sent and accepted',
  }),
  confirmGone: ({ isAbsent }) => ({
    kind: 'step',
    title:
      isAbsent === true ? 'The provider shows it gone, by id and by list' : 'The provider still shows it',
  }),
};

const SUPERVISED: Record<string, string> = {
  idle: 'Not used for as long as its keep-alive',
  'slice-over': 'Supervised for a slice; it goes on',
  'price-changed': 'Its price or its traffic changed',
};

function bestOf(choice: unknown): string | undefined {
  if (!isResult(choice)) return undefined;
  return `best: ${String(choice.gpuCount)}× ${text(choice.gpuName)}, machine ${String(choice.machineId)}, ${dollars(choice.usdPerHour)}/h`;
}

export function isResult(value: unknown): value is Result {
  return typeof value === 'object' && value !== null;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function dollars(value: unknown): string {
  return typeof value === 'number' ? usd(value) : '$?';
}

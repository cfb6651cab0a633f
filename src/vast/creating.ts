import { z } from 'zod';
import type { CreateResult } from '../domain/market.ts';
import { type Answer, readSaid, toMarketError } from './answer.ts';
import { awaitTurn, boundsOf, type Caller, learnPace, report } from './calling.ts';
import { MarketError, OUR_CODES, wasNeverSent } from './market-error.ts';
import type { Bounds, VastRequest } from './transport.ts';
import { id, number } from './wire-values.ts';

/** What to run on an offer. */
export type CreateOrder = {
  readonly image: string;
  readonly diskGb: number;
  readonly label: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Container ports to publish, TCP. */
  readonly ports: readonly number[];
  /** Run at every start of the container, by the run types with ssh. */
  readonly onstart: string;
  readonly runtype?: string;
  /** A bid for the whole offer: only for interruptible instances, absent for on-demand. */
  readonly priceUsdPerHour?: number;
  /** `-u USER -p PASSWORD REGISTRY`. */
  readonly imageLogin?: string;
};

export type CreateOptions = {
  /** Calls off a create that has not been sent yet, and only that. */
  readonly signal?: AbortSignal;
  /** The last moment to send it, epoch ms. Its answer is awaited for the client's time-out from then on. */
  readonly deadlineMs?: number;
  /** Awaited once, right before the first PUT, when its turn has come. When it throws, nothing is sent and that is thrown. */
  readonly beforeSend?: () => Promise<void>;
};

const TURNS_AFTER_429_MAX = 12;
/** The documented limits; a longer script or environment is refused only after the host was chosen. */
const ONSTART_LENGTH_MAX = 4_048;
const ENVIRONMENT_ENTRIES_MAX = 256;
const ENVIRONMENT_BYTES_MAX = 32_768;
const IMAGE_LENGTH_MAX = 1_024;
const LABEL_LENGTH_MAX = 256;
const SECRET_LENGTH_MIN = 8;
/** As Vast would call it. */
const INVALID_ORDER = 'invalid_args';

/**
 * Sends one PUT, and says what is known of it.
 *
 * 1. There is no idempotency key: whatever was sent and not plainly answered is `unknown`, never repeated.
 * 2. Only a plain 429 is sent again: it is certain that it created nothing.
 * 3. An answer with `new_contract` created an instance, whatever else it says: a refused bid can carry one.
 * 4. Nothing is sent after the deadline, nor once the signal has aborted; what was sent is awaited to its
 *    time-out even so, because its answer is the only cheap way to learn of the instance.
 *
 * Called off, it is `refused` with one of `OUR_CODES`, or with the 429 that made it wait.
 */
export async function createInstance(
  caller: Caller,
  offerId: number,
  order: CreateOrder,
  options: CreateOptions | undefined,
): Promise<CreateResult> {
  const request = toRequest(offerId, order);
  const fault = faultOf(order);
  if (fault !== null) return refusedByUs(INVALID_ORDER, request.tried, fault);

  const bounds = boundsOf(options);
  let isGranted = false;
  let tooMany: CreateResult | undefined;
  for (let turns = 0; turns <= TURNS_AFTER_429_MAX; turns += 1) {
    const turn = await findTurn(caller, request, bounds);
    if (turn.calledOff) return tooMany ?? turn.calledOff;
    if (!isGranted) await options?.beforeSend?.();
    isGranted = true;
    // Spending the grant takes time too (4).
    const calledOff = findEnd(request, bounds);
    if (calledOff) return tooMany ?? calledOff;
    const { result, isTooMany } = await sendOnce(caller, request, turn.waitedMs);
    if (!isTooMany) return result;
    tooMany = result;
  }
  return tooMany ?? refusedByUs(OUR_CODES.noTurn, request.tried, 'no turn');
}

type TurnFound = { readonly waitedMs: number; readonly calledOff?: CreateResult };

async function findTurn(caller: Caller, request: VastRequest, bounds: Bounds): Promise<TurnFound> {
  try {
    return { waitedMs: await awaitTurn(caller, 'create', request.tried, bounds) };
  } catch (error) {
    const calledOff = findEnd(request, bounds) ?? neverSent(error);
    if (calledOff) return { waitedMs: 0, calledOff };
    throw error;
  }
}

/** Why it may not be sent any more, if so. */
function findEnd({ tried }: VastRequest, { signal, deadlineMs }: Bounds): CreateResult | undefined {
  if (signal?.aborted) return refusedByUs(OUR_CODES.cancelled, tried, 'cancelled before it was sent');
  if (Date.now() < deadlineMs) return undefined;
  return refusedByUs(OUR_CODES.deadline, tried, 'the deadline had passed before it was sent');
}

function toRequest(offerId: number, order: CreateOrder): VastRequest {
  const { image, diskGb, label, environment, ports, onstart, runtype, priceUsdPerHour, imageLogin } = order;
  const published = Object.fromEntries(ports.map((port) => [`-p ${port}:${port}`, '1']));
  return {
    method: 'PUT',
    path: `/api/v0/asks/${offerId}/`,
    tried: `rent offer ${offerId}`,
    secrets: secretsOf(order),
    // Null fields have provoked server errors: what is not wanted is left out.
    body: {
      client_id: 'me',
      image,
      disk: diskGb,
      label,
      env: { ...environment, ...published },
      onstart,
      runtype: runtype ?? 'ssh_proxy',
      target_state: 'running',
      // Otherwise an offer that has just gone becomes a stopped instance, which bills its disk.
      cancel_unavail: true,
      ...(priceUsdPerHour === undefined ? {} : { price: priceUsdPerHour }),
      ...(imageLogin === undefined ? {} : { image_login: imageLogin }),
    },
  };
}

function secretsOf({ environment, imageLogin }: CreateOrder): string[] {
  const parts = imageLogin === undefined ? [] : [imageLogin, ...imageLogin.split(/\s+/)];
  return [...Object.values(environment), ...parts]
    .filter((value) => value.length >= SECRET_LENGTH_MIN)
    .sort((a, b) => b.length - a.length);
}

/** What Vast would refuse anyway, or take for something else; null when the order can be sent. */
function faultOf({ image, label, environment, ports, onstart, diskGb }: CreateOrder): string | null {
  const names = Object.keys(environment);
  const environmentBytes = Buffer.byteLength(JSON.stringify(environment));
  const odd = names.find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  // A name that begins with a dash would be read as an option for docker.
  if (odd !== undefined) return `${JSON.stringify(odd)} is not a name for an environment variable`;
  if (image === '' || image.length > IMAGE_LENGTH_MAX)
    return `an image has 1 to ${IMAGE_LENGTH_MAX} characters`;
  if (label === '' || label.length > LABEL_LENGTH_MAX)
    return `a label has 1 to ${LABEL_LENGTH_MAX} characters`;
  if (onstart.length > ONSTART_LENGTH_MAX) {
    return `onstart has ${onstart.length} characters of at most ${ONSTART_LENGTH_MAX}`;
  }
  if (names.length + ports.length > ENVIRONMENT_ENTRIES_MAX) {
    return `${names.length + ports.length} variables and ports of at most ${ENVIRONMENT_ENTRIES_MAX}`;
  }
  if (environmentBytes > ENVIRONMENT_BYTES_MAX) {
    return `the environment has ${environmentBytes} bytes of at most ${ENVIRONMENT_BYTES_MAX}`;
  }
  return Number.isFinite(diskGb) && diskGb > 0 ? null : `${diskGb} GB is no size for a disk`;
}

async function sendOnce(
  caller: Caller,
  request: VastRequest,
  waitedMs: number,
): Promise<{ result: CreateResult; isTooMany: boolean }> {
  const startedAt = performance.now();
  let status: number | null = null;
  let outcome: { result: CreateResult; isTooMany: boolean };
  try {
    const answer = await caller.transport.sendOnFreshConnection(request, {
      deadlineMs: Number.POSITIVE_INFINITY,
    });
    status = answer.status;
    const result = judgeCreate(answer, request.tried);
    outcome = { result, isTooMany: status === 429 && result.kind === 'refused' };
    learnPace(
      caller,
      'create',
      outcome.isTooMany ? toMarketError(answer, readSaid(answer), request.tried) : undefined,
    );
  } catch (error) {
    outcome = { result: withoutAnswer(error, request.tried), isTooMany: false };
  }
  const { result, isTooMany } = outcome;
  const tookMs = performance.now() - startedAt;
  report(caller, { call: 'create', outcome: isTooMany ? 'too-many' : result.kind, status, tookMs, waitedMs });
  return outcome;
}

const Created = z.object({ new_contract: id, dph_total: number });

/** What an answer to a create proves; the table of the three cases. */
export function judgeCreate(answer: Answer, tried: string): CreateResult {
  const created = Created.safeParse(answer.json);
  if (created.success) {
    return { kind: 'created', instanceId: created.data.new_contract, usdPerHour: created.data.dph_total };
  }
  const said = readSaid(answer);
  const { message } = toMarketError(answer, said, tried);
  const { status } = answer;
  // 408 and 499 are written by something in between that lost patience: the request may have gone on.
  const isPlainRefusal = status >= 400 && status < 500 && status !== 408 && status !== 499;
  const isRefusalIn200 = status >= 200 && status < 300 && said.isRefusal && said.code !== 'server_error';
  // A contract that is named and cannot be read is one all the same.
  const namesContract = carriesContract(answer.json);
  if ((isPlainRefusal || isRefusalIn200) && !namesContract)
    return { kind: 'refused', code: said.code, message };
  return { kind: 'unknown', message };
}

function carriesContract(json: unknown): boolean {
  return typeof json === 'object' && json !== null && 'new_contract' in json && Boolean(json.new_contract);
}

function withoutAnswer(error: unknown, tried: string): CreateResult {
  const calledOff = neverSent(error);
  if (calledOff) return calledOff;
  // Any other error, a bug of ours included, came after the request may have left.
  const why = error instanceof MarketError ? error.message : `Cannot ${tried}: failed while it was under way`;
  return { kind: 'unknown', message: why };
}

function neverSent(error: unknown): CreateResult | undefined {
  if (!(error instanceof MarketError) || !wasNeverSent(error)) return undefined;
  return { kind: 'refused', code: error.code, message: error.message };
}

function refusedByUs(code: string, tried: string, why: string): CreateResult {
  return { kind: 'refused', code, message: `Cannot ${tried}: ${why}` };
}

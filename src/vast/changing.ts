import type { Instance } from '../domain/instance.ts';
import type { DestroyResult, ShowResult } from '../domain/market.ts';
import { type Answer, mustBeFine, readSaid, saysGone, toMarketError } from './answer.ts';
import { type Caller, type CallOptions, callUntilAnswered, readJson, unexpectedShape } from './calling.ts';
import type { VastRequest } from './transport.ts';
import { toInstance } from './wire.ts';

type Change = 'destroy' | 'label' | 'start' | 'stop';

const BULK_MAX = 64;

/** Destroys, labels, starts or stops one instance. Each says what shall be so, and may be sent again. */
export function changeInstance(
  caller: Caller,
  call: Change,
  instanceId: number,
  body: Readonly<Record<string, string>>,
  options: CallOptions | undefined,
): Promise<DestroyResult> {
  const tried = `${call} instance ${instanceId}`;
  const method = call === 'destroy' ? 'DELETE' : 'PUT';
  const path = `/api/v0/instances/${instanceId}/`;
  return sendChange(caller, call, { method, path, body, tried }, options);
}

/** Asks for all of them, even when one request fails; then throws that failure. */
export async function destroyMany(
  caller: Caller,
  instanceIds: readonly number[],
  options: CallOptions | undefined,
): Promise<DestroyResult> {
  const batches: Promise<DestroyResult>[] = [];
  for (let at = 0; at < instanceIds.length; at += BULK_MAX) {
    const batch = instanceIds.slice(at, at + BULK_MAX);
    const tried = `destroy ${batch.length} instances (${batch[0]} …)`;
    const body = { instance_ids: batch };
    batches.push(
      sendChange(caller, 'destroy', { method: 'DELETE', path: '/api/v0/instances/', body, tried }, options),
    );
  }
  const settled = await Promise.allSettled(batches);
  const failed = settled.find((outcome) => outcome.status === 'rejected');
  if (failed) throw failed.reason;
  const results = settled.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const refused = results.find(({ kind }) => kind === 'refused');
  if (refused) return refused;
  return { kind: results.length > 0 && results.every(({ kind }) => kind === 'gone') ? 'gone' : 'accepted' };
}

/** `{"instances": null}` is how Vast says gone; an error of any kind never is. */
export function showInstance(
  caller: Caller,
  instanceId: number,
  options: CallOptions | undefined,
  { apiUrl }: { apiUrl: string },
): Promise<ShowResult<Instance>> {
  const tried = `show instance ${instanceId}`;
  const path = `/api/v0/instances/${instanceId}/`;
  return callUntilAnswered(
    caller,
    'show',
    { method: 'GET', path, query: { owner: 'me' }, tried },
    options,
    (answer) => {
      if (saysGone(answer, readSaid(answer))) return { kind: 'gone' };
      const row = rowOf(readJson(answer, tried), tried);
      if (row === null) return { kind: 'gone' };
      const instance = toInstance(row, { apiUrl });
      if (instance === null) throw unexpectedShape(tried, 'the row cannot be read');
      if (instance.instanceId !== instanceId)
        throw unexpectedShape(tried, `it shows instance ${instance.instanceId}`);
      return { kind: 'found', instance };
    },
  );
}

/** One object under the plural key. */
function rowOf(json: unknown, tried: string): object | null {
  const row: unknown = typeof json === 'object' && json !== null ? Reflect.get(json, 'instances') : undefined;
  if (row === null) return null;
  if (typeof row !== 'object' || Array.isArray(row)) throw unexpectedShape(tried, 'instances is no object');
  return row;
}

function sendChange(
  caller: Caller,
  call: Change,
  request: VastRequest,
  options: CallOptions | undefined,
): Promise<DestroyResult> {
  return callUntilAnswered(caller, call, request, options, (answer) => readChange(answer, request.tried));
}

/** A refusal for good is a value; what may pass, and a bad key, is thrown. */
function readChange(answer: Answer, tried: string): DestroyResult {
  const said = readSaid(answer);
  if (saysGone(answer, said)) return { kind: 'gone' };
  const isFine = answer.status >= 200 && answer.status <= 299 && !said.isRefusal;
  if (!isFine) {
    const error = toMarketError(answer, said, tried);
    if (error.kind !== 'refused') throw error;
    return { kind: 'refused', message: error.message };
  }
  // A page of some proxy with status 200 destroyed nothing.
  if (answer.body !== '') readJson(answer, tried);
  else mustBeFine(answer, tried);
  return { kind: 'accepted' };
}

import type { Account } from '../accounts.ts';
import type { Contract } from '../contract.ts';
import type { Call, CallFault } from '../fault-kinds.ts';
import type { Applied } from '../faults.ts';
import type { Rights } from '../keys.ts';
import type { Endpoint } from '../rates.ts';
import type { World } from '../world.ts';

/** A call that has passed authentication and limits, about to be processed. */
export type Exchange = {
  readonly world: World;
  readonly account: Account;
  /** The instance whose own key was used; null for a key of the account. */
  readonly ownInstance: Contract | null;
  /** Of the account's key that came; an instance's own key has a rule of its own. */
  readonly rights: Rights;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
  /** When the call arrived; a late one is processed afterwards. */
  readonly arrivedAt: number;
  /** Faults that change what processing does. */
  readonly changes: readonly Applied<CallFault>[];
  /** The simulator's own address, for links in answers. */
  readonly baseUrl: string;
  /** The key that came in the header or the query, whoever's it is. */
  readonly key: string | null;
};

export type Answer = {
  readonly status: number;
  readonly body: unknown;
  /** Of a body that is text; left out: it is JSON. */
  readonly type?: string;
  /** The contract that a create made, whether or not the renter hears of it. */
  readonly created?: Contract;
};

export type Shape = Pick<Exchange, 'params' | 'body' | 'query'>;

/** One call of the API. */
export type Route = {
  readonly method: string;
  /** Without the slash at its end; `:name` takes one segment. */
  readonly path: string;
  readonly call: Call | null | ((shape: Shape) => Call | null);
  readonly limit: Endpoint | null | ((shape: Shape) => Endpoint | null);
  /** Whether an instance's own key may make this call, for its own instance. */
  readonly isForInstances?: boolean;
  /** The scope's name for refusals, such as `api.instance.show`. */
  readonly scope: string;
  /** Looks at credentials itself, of a kind of its own: no account stands behind the call. */
  readonly opensItself?: boolean;
  readonly handle: (exchange: Exchange) => Answer;
};

export function ok(body: Record<string, unknown>): Answer {
  return { status: 200, body };
}

export function success(body: Record<string, unknown> = {}): Answer {
  return { status: 200, body: { success: true, ...body } };
}

/** A refusal in the service's usual form; HTTP 200 is one of its statuses for it. */
export function refusal(
  status: number,
  error: string,
  message: string,
  more: Record<string, unknown> = {},
): Answer {
  return { status, body: { success: false, error, msg: message, ...more } };
}

export function changeOf(exchange: Pick<Exchange, 'changes'>, fault: CallFault): Applied<CallFault> | null {
  return exchange.changes.find((each) => each.fault === fault) ?? null;
}

/** A contract of the account that is still there for calls by id, whether or not lists show it yet. */
export function findOwn(exchange: Exchange, id: unknown): Contract | null {
  const contract = exchange.world.contracts.find(Number(id));
  return contract !== null && contract.accountId === exchange.account.id && contract.destroyedAt === null
    ? contract
    : null;
}

export function noSuchInstance(id: unknown): Answer {
  return refusal(404, 'no_such_instance', `Instance ${String(id)} not found.`);
}

/** A query parameter that holds JSON; undefined when absent. */
export function jsonParameter(query: URLSearchParams, name: string): unknown {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  return JSON.parse(text);
}

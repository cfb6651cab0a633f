import { includes, readRights } from '../keys.ts';
import { type Answer, type Exchange, ok, type Route, refusal, success } from './exchange.ts';

/** Keys of the account, and the one call that moves its money. */
export const keyRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v0/auth/apikeys',
    call: null,
    limit: 'keys',
    scope: 'api.keys.index',
    handle: listKeys,
  },
  {
    method: 'POST',
    path: '/api/v0/auth/apikeys',
    call: null,
    limit: null,
    scope: 'api.keys.create',
    handle: createKey,
  },
  {
    method: 'DELETE',
    path: '/api/v0/auth/apikeys/:id',
    call: null,
    limit: null,
    scope: 'api.keys.delete',
    handle: deleteKey,
  },
  {
    method: 'PUT',
    path: '/api/v0/commands/transfer_credit',
    call: null,
    limit: null,
    scope: 'api.credit.transfer',
    handle: transferCredit,
  },
];

/** Secrets are shown once, when a key is made, and never again. */
function listKeys({ world, account }: Exchange): Answer {
  const row = ({ id, name, rights }: { id: number; name: string | null; rights: unknown }, type: string) => ({
    id,
    user_id: account.id,
    key: null,
    key_type: type,
    name,
    rights,
    team_id: null,
    team_name: null,
    team_owner: null,
  });
  const { first, scoped } = world.accounts.keysOf(account);
  return ok({ apikeys: [row(first, 'primary'), ...scoped.map((key) => row(key, 'api'))] });
}

function createKey({ world, account, rights, body }: Exchange): Answer {
  const asked = readRights(body.permissions ?? {});
  if (asked === null) return refusal(400, 'invalid_args', 'permissions must be an object of objects');
  if (!includes(rights, asked)) {
    return refusal(401, 'not_authorized', 'not authorized to create a key with the specified permissions');
  }
  const name = typeof body.name === 'string' ? body.name : null;
  const { id, secret } = world.accounts.makeKey(account, { name, rights: asked });
  world.changed();
  return success({ id, key: secret, permissions: asked });
}

function deleteKey({ world, account, params }: Exchange): Answer {
  if (!world.accounts.removeKey(account, Number(params.id))) {
    return refusal(404, 'not_found', `API key ${String(params.id)} not found.`);
  }
  world.changed();
  return success();
}

function transferCredit({ world, account, body }: Exchange): Answer {
  const usd = Number(body.amount);
  if (!(usd >= 0.01)) return refusal(400, 'invalid_args', 'Invalid amount');
  const to = world.accounts
    .all()
    .find(({ id, email }) => String(id) === String(body.recipient) || email === body.recipient);
  if (to === undefined || to === account) return refusal(400, 'invalid_recipient', 'Invalid recipient');
  const at = world.now();
  if (world.cashier.creditUsd(account, at) < usd) {
    return refusal(400, 'insufficient_balance', 'Insufficient balance');
  }
  world.accounts.pay(account, { usd: -usd, at, description: `Transfer to ${to.id}` });
  world.accounts.pay(to, { usd, at, description: `Transfer from ${account.id}` });
  world.changed();
  return success();
}

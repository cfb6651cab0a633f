import { asks, type Case } from '../case.ts';
import { MASTER_TOKEN } from '../workers.ts';

const update = (name: string, authorization: string | null, on: Case['on'] = 'ready') =>
  asks(name, '/pyworker/update', { headers: authorization === null ? {} : { authorization }, body: '' }, on);

/** Routes that are not the model's, and paths that are nobody's. */
export const OWN_ROUTE_CASES: Case[] = [
  asks('an unknown route', '/nothing'),
  asks('a slash after the route', '/parallel/'),
  asks('a route in capitals', '/PARALLEL'),
  asks('a route with an escape in it', '/%70arallel'),
  asks('a route with two slashes', '//parallel'),
  ...['GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'].map((method) =>
    asks(`${method} on a route`, '/parallel', { method, body: '' }),
  ),
  asks('GET on a session route', '/session/create', { method: 'GET', body: '' }),
  asks('GET /health', '/health', { method: 'GET', body: '' }),
  asks('GET /metrics', '/metrics', { method: 'GET', body: '' }),
  asks('GET /ping', '/ping', { method: 'GET', body: '' }),
  update('an update with the token', `Bearer ${MASTER_TOKEN}`),
  update('an update with the bare token', MASTER_TOKEN),
  update('an update with another token', 'Bearer another'),
  update('an update without a token', null),
  update('an update with a longer token', `Bearer ${MASTER_TOKEN}x`),
  update('an update of a worker that has no token', null, 'unsecured'),
  update('an update of a worker that has no token, with an empty one', 'Bearer ', 'unsecured'),
  {
    name: 'a route of the model on the second port',
    run: (side) => side.ask('/parallel', {}, side.worker.httpPort),
  },
];

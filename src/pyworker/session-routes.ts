import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerEmpty, answerJson } from './answers.ts';
import type { Load } from './load.ts';
import type { Reception } from './reception.ts';
import { indexOf, isOwner, type Session, type Sessions } from './sessions.ts';
import { isRecord, readJson, unwrap } from './wrapper.ts';

export type SessionRoutesDeps = {
  readonly sessions: Sessions;
  readonly reception: Pick<Reception, 'body' | 'isSigned'>;
  readonly load: Load;
};

type Answering = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** `/session/create`, `get`, `health` and `end`, as the official client calls them. */
export function sessionRoutes(deps: SessionRoutesDeps): ReadonlyMap<string, Answering> {
  const { sessions } = deps;
  return new Map<string, Answering>([
    ['/session/create', (request, response) => create(deps, request, response)],
    [
      '/session/get',
      about(deps, {
        none: (response) => answerJson(response, 400, { error: 'session does not exist' }),
        found: async (session, response) => answerJson(response, 200, wireOf(session)),
      }),
    ],
    [
      '/session/health',
      about(deps, {
        none: (response) => answerJson(response, 200, { ok: false }),
        found: async (_session, response) => answerJson(response, 200, { ok: true }),
      }),
    ],
    [
      '/session/end',
      about(deps, {
        none: (response, id) => answerJson(response, 400, { error: `session with id ${id} not found` }),
        found: async (session, response) => {
          if (await sessions.close(session)) {
            answerJson(response, 200, { ended: true, removed_session: session.id });
          } else answerJson(response, 410, { error: 'session is closed' });
        },
      }),
    ],
  ]);
}

/** Signed like a request: whoever may not ask the model may not hold it either. */
async function create(
  { sessions, reception, load }: SessionRoutesDeps,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const bytes = await reception.body(request, response);
  if (bytes === null) return;
  const read = unwrap(bytes, request.headers['content-type']);
  if ('problem' in read) {
    answerJson(response, 422, read.problem);
    return;
  }
  const { authData, payload } = read.wrapped;
  if (!reception.isSigned(read.wrapped)) {
    answerEmpty(response, 401);
    return;
  }
  const session = sessions.create(authData, payload);
  if (session === null) {
    load.reject({ requestIdx: indexOf(authData), workload: Number(authData.cost) || 0 });
    answerEmpty(response, 429);
    return;
  }
  answerJson(response, 201, { session_id: session.id, expiration: session.expiresAtSec });
}

/** A call about one session by whoever opened it. */
function about(
  { sessions, reception }: SessionRoutesDeps,
  answers: {
    none: (response: ServerResponse, id: string) => void;
    found: (session: Session, response: ServerResponse) => Promise<void>;
  },
): Answering {
  return async (request, response) => {
    const bytes = await reception.body(request, response);
    if (bytes === null) return;
    const read = readJson(bytes, request.headers['content-type']);
    if (read === null) {
      answerJson(response, 422, { error: 'invalid JSON' });
      return;
    }
    const { session_id: id, session_auth: proof } = isRecord(read.value) ? read.value : {};
    if (typeof id !== 'string' || id === '') {
      answerJson(response, 422, { error: 'missing session_id' });
      return;
    }
    const session = sessions.find(id);
    if (session === null) answers.none(response, id);
    else if (!isOwner(session, proof)) answerJson(response, 401, { error: 'session_auth is not valid' });
    else await answers.found(session, response);
  };
}

function wireOf(session: Session) {
  return {
    session_id: session.id,
    auth_data: session.authData,
    lifetime: session.lifetime,
    expiration: session.expiresAtSec,
    created_at: session.createdAtSec,
    on_close_route: session.onCloseRoute,
    on_close_payload: session.onClosePayload,
  };
}

import { eventually } from '../../support/eventually.ts';
import { asks, type Case } from '../case.ts';
import { answered, json, type Side } from '../side.ts';

type Opened = Awaited<ReturnType<Side['openSession']>>;

/** One of the calls about a session, with what proves that it is the caller's. */
function about(side: Side, what: 'get' | 'health' | 'end', { id, auth }: Pick<Opened, 'id' | 'auth'>) {
  return side.ask(`/session/${what}`, { body: json({ session_id: id, session_auth: auth }) });
}

/** A session for the length of a case. */
async function within<Seen>(
  side: Side,
  members: Record<string, unknown>,
  use: (session: Opened) => Promise<Seen>,
): Promise<Seen> {
  const session = await side.openSession(members);
  try {
    return await use(session);
  } finally {
    await side.endSession(session);
  }
}

async function expirationOf(side: Side, { id, auth }: Opened): Promise<number> {
  const answer = await side.start('/session/get', { body: json({ session_id: id, session_auth: auth }) })
    .answer;
  return JSON.parse(answer?.body.toString() ?? '{}').expiration;
}

/** Sessions: made, used, ended by the caller or by time. */
export const SESSION_CASES: Case[] = [
  {
    name: 'a session is made and ended',
    run: async (side) => {
      const session = await side.openSession({ lifetime: 30 });
      const created = JSON.parse(session.answer.body.toString());
      const secondsLeft = Math.round((created.expiration - Date.now() / 1_000) / 5) * 5;
      const idKind = /^[A-Za-z0-9]{13}$/.test(created.session_id);
      return { members: Object.keys(created), secondsLeft, idKind, ended: await side.endSession(session) };
    },
  },
  {
    name: 'a session that is asked for',
    run: (side) =>
      within(
        side,
        { lifetime: 30, on_close_route: '/bye', on_close_payload: { a: 1 } },
        async ({ id, auth }) => {
          const answer = await side.start('/session/get', {
            body: json({ session_id: id, session_auth: auth }),
          }).answer;
          const { session_id, created_at, expiration, ...told } = JSON.parse(answer?.body.toString() ?? '{}');
          return { told, isItself: session_id === id, lives: Math.round(expiration - created_at) };
        },
      ),
  },
  {
    name: 'a session lives a minute unless said',
    run: (side) =>
      within(side, {}, async (session) => Math.round((session.expiration - Date.now() / 1_000) / 5) * 5),
  },
  {
    name: 'the calls about a session by somebody else',
    run: (side) =>
      within(side, {}, async ({ id, auth }) => {
        const other = { id, auth: { ...auth, cost: 1 } };
        return [
          await about(side, 'get', other),
          await about(side, 'health', other),
          await about(side, 'end', other),
        ];
      }),
  },
  {
    name: 'the calls about a session without proof',
    run: (side) =>
      within(side, {}, async ({ id }) => {
        const body = json({ session_id: id });
        return [
          await side.ask('/session/get', { body }),
          await side.ask('/session/health', { body }),
          await side.ask('/session/end', { body }),
        ];
      }),
  },
  {
    name: 'proof with its members in another order',
    run: (side) =>
      within(side, {}, async ({ id, auth }) => {
        const turned = Object.fromEntries(Object.entries(auth).reverse());
        return side.ask('/session/health', { body: json({ session_id: id, session_auth: turned }) });
      }),
  },
  {
    name: 'the calls about a session that there is not',
    run: async (side) => {
      const none = { id: 'none', auth: side.auth() };
      return [
        await about(side, 'get', none),
        await about(side, 'health', none),
        await about(side, 'end', none),
      ];
    },
  },
  {
    name: 'the health of a session',
    run: (side) => within(side, {}, (session) => about(side, 'health', session)),
  },
  {
    name: 'a session that is ended twice',
    run: async (side) => {
      const session = await side.openSession();
      return [await side.endSession(session), await side.endSession(session)];
    },
  },
  {
    name: 'a session that is ended on the second port',
    run: async (side) => {
      const { id, auth } = await side.openSession();
      return side.ask(
        '/session/end',
        { body: json({ session_id: id, session_auth: auth }) },
        side.worker.httpPort,
      );
    },
  },
  {
    name: 'the third session of two',
    run: (side) =>
      within(side, {}, () =>
        within(side, {}, () =>
          side.ask('/session/create', { body: json({ auth_data: side.auth(), payload: {} }) }),
        ),
      ),
  },
  {
    name: 'a request in a session',
    run: (side) =>
      within(side, {}, ({ id, auth }) => side.ask('/parallel', { auth, sessionId: id, payload: { a: 1 } })),
  },
  {
    name: 'a request in a session on a serial route',
    run: (side) =>
      within(side, {}, ({ id, auth }) => side.ask('/serial', { auth, sessionId: id, payload: { a: 1 } })),
  },
  {
    name: 'a request in a session with a bad signature',
    run: (side) =>
      within(side, {}, ({ id }) => side.ask('/parallel', { auth: { signature: 'no' }, sessionId: id })),
  },
  {
    name: 'a request in a session with auth data of its own',
    run: (side) => within(side, {}, ({ id }) => side.ask('/parallel', { sessionId: id, auth: { cost: 7 } })),
  },
  {
    name: 'a request in a session makes it live longer',
    run: (side) =>
      within(side, { lifetime: 40 }, async (session) => {
        await side.ask('/parallel', { auth: session.auth, sessionId: session.id });
        return Math.round((await expirationOf(side, session)) - session.expiration);
      }),
  },
  {
    name: 'the load of a session does not count for the limit of a route',
    run: async (side) => {
      const session = await side.openSession({}, side.auth({ cost: 5_000 }));
      const beside = await side.ask('/limited');
      await side.endSession(session);
      return beside;
    },
  },
  asks('a request in a session that there is not', '/parallel', { sessionId: 'none' }),
  asks('a session id that is empty', '/parallel', { sessionId: '' }),
  {
    name: 'a session that has run out',
    run: async (side) => {
      const session = await side.openSession({ lifetime: 0.2 });
      await eventually(
        'the session is gone',
        async () => (await side.start('/session/get', bodyOf(session)).answer)?.status === 400,
        { withinMs: 12_000, everyMs: 250 },
      );
      // How often it was asked for says nothing.
      side.sent.length = 0;
      return side.ask('/parallel', { auth: session.auth, sessionId: session.id });
    },
  },
  {
    name: 'the model is told when a session ends',
    run: async (side) => {
      const session = await side.openSession({ on_close_route: '/bye', on_close_payload: { last: 'words' } });
      return side.endSession(session);
    },
  },
  {
    name: 'the model is told when a session ends that left no words',
    run: async (side) => side.endSession(await side.openSession({ on_close_route: '/bye' })),
  },
  {
    name: 'a session that ends while one of its requests runs',
    run: async (side) => {
      const session = await side.openSession();
      const running = side.start('/parallel', {
        ...answered({ body: '{}', hold: 'head', tag: 'ended' }),
        auth: session.auth,
        sessionId: session.id,
      });
      await side.model.arrived('ended');
      const ended = await side.endSession(session);
      return [ended, side.show(await running.answer)];
    },
  },
  asks('a session made of what is not JSON', '/session/create', { body: 'no' }),
  asks('a session made of nothing', '/session/create', { body: '{}' }),
  {
    name: 'a session made without a payload',
    run: (side) => side.ask('/session/create', { body: json({ auth_data: side.auth() }) }),
  },
  {
    name: 'a session made with a bad signature',
    run: async (side) => {
      const auth = side.auth({ signature: 'no' });
      const answer = await side.start('/session/create', { body: json({ auth_data: auth, payload: {} }) })
        .answer;
      const id = answer?.status === 201 ? JSON.parse(answer.body.toString()).session_id : null;
      if (id !== null) await side.start('/session/end', bodyOf({ id, auth })).answer;
      side.sent.length = 0;
      return answer?.status;
    },
  },
  asks('a session asked for with what is not JSON', '/session/get', { body: 'no' }),
  asks('a session asked for without its id', '/session/get', { body: '{}' }),
  asks('the health of a session without its id', '/session/health', { body: '{}' }),
  asks('a session ended without its id', '/session/end', { body: '{}' }),
  {
    name: 'unsecured: a session is made, used and ended',
    on: 'unsecured',
    run: async (side) => {
      const session = await side.openSession({}, side.auth({ signature: 'no' }));
      const used = await side.ask('/parallel', { auth: session.auth, sessionId: session.id });
      return [used, await side.endSession(session)];
    },
  },
];

function bodyOf({ id, auth }: Pick<Opened, 'id' | 'auth'>) {
  return { body: json({ session_id: id, session_auth: auth }) };
}

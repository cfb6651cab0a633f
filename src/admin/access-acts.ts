import type { FastifyRequest } from 'fastify';
import type { AccessRecord, AccessVerb } from '../domain/access.ts';

/** What a call does, and to what. */
export type Act = Pick<AccessRecord, 'what' | 'session' | 'subject'>;

/** Null for a call that changes nothing. */
export function actOf(request: FastifyRequest): Act | null {
  const described = ACTS[callName(request.method, request.routeOptions.url)];
  if (described === undefined) return null;
  // Of those who are turned away at the door no body was read.
  const isRead = request.caller?.role === 'admin';
  const { session, subject } = described.about({
    params: fieldsIn(request.params),
    body: fieldsIn(request.body),
  });
  return {
    what: described.what,
    session: isRead ? nameIn(session) : null,
    subject: nameIn(subject),
  };
}

/** Throws for a call that may change something of which nobody has said what: it would leave no record. */
export function requireAct({ method, url }: { method: string | string[]; url: string }): void {
  for (const one of [method].flat()) {
    const name = callName(one, url);
    if (READING.includes(one) || CHANGE_NOTHING.includes(name) || name in ACTS) continue;
    throw new Error(`${name} has no line in the acts of the access log (src/admin/access-acts.ts)`);
  }
}

type Fields = Readonly<Record<string, unknown>>;
type About = { readonly session?: unknown; readonly subject?: unknown };
type Described = { readonly what: AccessVerb; about(given: { params: Fields; body: Fields }): About };

const READING = ['GET', 'HEAD', 'OPTIONS'];
/** A plan rents nothing, and signing out makes a browser forget what this server never kept. */
const CHANGE_NOTHING = ['POST /api/admin/plan', 'DELETE /api/session'];

const ofSession = ({ body }: { body: Fields }): About => ({ session: body.session ?? 'default' });
const ofId = ({ params }: { params: Fields }): About => ({ subject: params.id });

const ACTS: Readonly<Record<string, Described>> = {
  'POST /api/session': { what: 'sign-in', about: () => ({}) },
  'POST /api/admin/vllm/launch': { what: 'launch', about: ofSession },
  'POST /api/admin/vllm/extend': { what: 'extend', about: ofSession },
  'POST /api/admin/vllm/destroy': { what: 'destroy', about: ofSession },
  'POST /api/admin/reap': {
    what: 'reap',
    about: ({ body }) => ({ subject: body.dry_run === true ? 'dry run' : body.owner }),
  },
  'POST /api/admin/keys': { what: 'create-key', about: ({ body }) => ({ subject: body.name }) },
  'DELETE /api/admin/keys/:id': { what: 'revoke-key', about: ofId },
  'POST /api/admin/schedules': {
    what: 'add-schedule',
    about: ({ body }) => ({ session: fieldsIn(body.launch).session ?? 'default', subject: body.id }),
  },
  'DELETE /api/admin/schedules/:id': { what: 'remove-schedule', about: ofId },
  'POST /api/admin/providers/switch': {
    what: 'switch-provider',
    about: ({ body }) => ({ session: body.session, subject: body.provider ?? 'the configured order' }),
  },
  'POST /api/admin/notifications/test': { what: 'test-notifications', about: () => ({}) },
  'DELETE /api/admin/machines/:id': { what: 'forget-machine', about: ofId },
  'POST /api/admin/versions/promote': {
    what: 'promote-version',
    about: ({ body }) => ({ subject: body.build_id }),
  },
};

function callName(method: string, route: string | undefined): string {
  return `${method} ${route ?? ''}`;
}

function fieldsIn(given: unknown): Fields {
  return typeof given === 'object' && given !== null ? { ...given } : {};
}

/** Whoever calls may write anything there: what is no name is not kept. */
function nameIn(given: unknown): string | null {
  return typeof given === 'string' && /^\P{C}{1,120}$/u.test(given) ? given : null;
}

import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Problem } from '../domain/problem.ts';
import { signInAnswer } from './answers.ts';
import { admitByToken, type CountWrongToken, isSameOrigin, requireAdmission, type Tokens } from './auth.ts';
import { parseInput } from './input.ts';
import { describeCall } from './openapi.ts';
import { TICKET_COOKIE, TICKET_LIFE_MS, type Ticket, type Tickets } from './ticket.ts';

export type SignInDeps = Tokens & {
  readonly tickets: Tickets;
  readonly countWrongToken: CountWrongToken;
  /** Where this server rents, and what people look at it with. */
  readonly place: {
    readonly market: string;
    readonly temporal_ui_url: string | null;
    readonly version: string;
  };
};

const signInBody = z.strictObject({ token: z.string('the admin token').min(1, 'the admin token').max(500) });

/** `/api/session`: a browser is given a ticket for the token, which no script can read. */
export const signInRoutes =
  ({ tickets, place, ...knowing }: SignInDeps): FastifyPluginAsync =>
  async (app) => {
    const answer = ({ role, expiresAtMs }: Ticket) => ({
      role,
      expires_at: new Date(expiresAtMs).toISOString(),
      ...place,
    });

    app.post('/session', { schema: SIGN_IN }, async (request, reply) => {
      if (!isSameOrigin(request)) {
        throw new Problem(
          'forbidden',
          'Only the dashboard signs in; programs send Authorization: Bearer ADMIN_TOKEN.',
        );
      }
      const { body } = parseInput({ body: { schema: signInBody, given: request.body } });
      const admission = await admitByToken(knowing, body.token, request);
      await requireAdmission(
        async () => (admission.kind === 'viewer' ? { kind: 'admitted' } : admission),
        request,
      );
      const { value, ticket } = tickets.issue(admission.kind === 'viewer' ? 'viewer' : 'admin', Date.now());
      setTicket(request, reply, value);
      return answer(ticket);
    });

    app.get('/session', { schema: WHO }, async (request, reply) => {
      const ticket = tickets.read(request.cookies[TICKET_COOKIE] ?? '', Date.now());
      if (ticket === null) throw new Problem('unauthorized', 'Nobody is signed in here, or not any more.');
      // Whoever still looks stays in.
      if (ticket.expiresAtMs - Date.now() > TICKET_LIFE_MS / 2) return answer(ticket);
      const renewed = tickets.issue(ticket.role, Date.now());
      setTicket(request, reply, renewed.value);
      return answer(renewed.ticket);
    });

    app.delete('/session', { schema: SIGN_OUT }, async (_request, reply) =>
      reply.clearCookie(TICKET_COOKIE, { path: '/' }).code(204).send(),
    );
  };

function setTicket(request: FastifyRequest, reply: FastifyReply, value: string): void {
  const isTls = request.protocol === 'https' || request.headers['x-forwarded-proto'] === 'https';
  reply.setCookie(TICKET_COOKIE, value, {
    path: '/',
    httpOnly: true,
    sameSite: 'strict',
    secure: isTls,
    maxAge: TICKET_LIFE_MS / 1_000,
  });
}

const SIGN_IN = describeCall({
  summary: 'Signs the dashboard in: a cookie for twelve hours, which no script can read',
  body: signInBody,
  answers: { 200: { is: 'Signed in', schema: signInAnswer } },
});
const WHO = describeCall({
  summary: 'Who is signed in with this cookie',
  answers: { 200: { is: 'Signed in', schema: signInAnswer } },
});
const SIGN_OUT = { summary: 'Forgets the cookie' };

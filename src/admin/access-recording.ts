import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AccessLog } from '../archive/access-log.ts';
import { STRANGERS_PER_MINUTE } from '../domain/access.ts';
import { SlidingWindow } from '../domain/sliding-window.ts';
import { actOf, requireAct } from './access-acts.ts';
import { toProblemAnswer } from './problems.ts';

/**
 * Has every call below `app` that changes something, or was refused to, in the access log.
 *
 * When it is answered, before a byte of that is sent: who has an answer is on record, and so is who hung up before.
 */
export function recordAccess(app: FastifyInstance, log: Pick<AccessLog, 'note'>): void {
  const refusals = new WeakMap<FastifyRequest, string>();
  const nextId = idsOfThisProcess();
  const strangers = new SlidingWindow({ limit: STRANGERS_PER_MINUTE, spanMs: 60_000 });
  app.addHook('onRoute', requireAct);
  app.addHook('onError', async (request, _reply, error) => {
    refusals.set(request, toProblemAnswer(error).answer.kind);
  });
  app.addHook('onSend', async (request, reply) => {
    const act = actOf(request);
    if (act === null) return;
    const { role, by } = request.caller ?? { role: null, by: null };
    const atMs = Date.now();
    if (role === null && !strangers.take(1, atMs).isTaken) return;
    await log.note({
      ...{ id: nextId(), atMs, role, by, address: request.ip },
      ...act,
      ...{ status: reply.statusCode, problem: refusals.get(request) ?? null },
    });
  });
}

/** In their order: many may be answered in one moment. */
function idsOfThisProcess(): () => string {
  const process = randomBytes(6).toString('hex');
  let count = 0;
  return () => `${String(++count).padStart(10, '0')}-${process}`;
}

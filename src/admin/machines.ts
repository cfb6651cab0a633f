import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import type { Sessions } from '../client.ts';
import { failureOf } from '../domain/failure.ts';
import type { MachineStanding, RememberedFailure } from '../domain/machine-memory.ts';
import { parseInput } from './input.ts';
import {
  MACHINE_STANDINGS,
  type MachineAnswer,
  machineForgottenAnswer,
  machinesAnswer,
} from './machine-answers.ts';
import { describeCall } from './openapi.ts';

/** `/api/admin/machines`: what is remembered of machines, which the search takes as advice. */
export const machinesRoutes =
  ({ sessions }: { readonly sessions: Sessions }): FastifyPluginAsync =>
  async (app) => {
    app.get('/machines', { schema: LIST }, async (request) => {
      const { query } = parseInput({ query: { schema: machinesQuery, given: request.query } });
      const all = (await sessions.machines.list()).filter(
        ({ machineId, standing }) =>
          (query.machine === undefined || machineId === Number(query.machine)) &&
          (query.standing === undefined || standing === query.standing),
      );
      const from = Number(query.after ?? 0);
      const to = from + Number(query.limit);
      const items = all.slice(from, to).map(presentMachine);
      return { items, next: to < all.length ? String(to) : null, total: all.length };
    });

    app.delete('/machines/:id', { schema: FORGET }, async (request) => {
      const { params } = parseInput({ params: { schema: machineParams, given: request.params } });
      await sessions.machines.forget(Number(params.id));
      return { machine_id: Number(params.id), forgotten: true };
    });
  };

function presentMachine(standing: MachineStanding): MachineAnswer {
  return {
    machine_id: standing.machineId,
    standing: standing.standing,
    avoided_until: maybeTime(standing.avoidedUntilMs),
    score_factor: Math.round(standing.factor * 1e3) / 1e3,
    times_ready: standing.timesReady,
    hours_served: Math.round((standing.servedMs / 3_600_000) * 100) / 100,
    last_ready_at: maybeTime(standing.lastReadyAtMs),
    last_seen_at: time(standing.lastSeenAtMs),
    failures: standing.failures.map(presentFailure),
  };
}

function presentFailure({ kind, atMs, label, avoidedUntilMs }: RememberedFailure) {
  return {
    kind,
    message: failureOf(kind).message,
    at: time(atMs),
    label,
    avoided_until: maybeTime(avoidedUntilMs),
  };
}

function maybeTime(ms: number | null): string | null {
  return ms === null ? null : time(ms);
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}

const machineId = z.string().regex(/^[1-9][0-9]{0,14}$/, 'a machine id, a whole number above 0');

const machinesQuery = z.strictObject({
  machine: machineId.optional().describe('This one alone'),
  standing: z
    .enum(MACHINE_STANDINGS, `one of ${MACHINE_STANDINGS.join(', ')}`)
    .optional()
    .describe('Only these'),
  limit: z
    .string()
    .regex(/^([1-9][0-9]{0,2}|1000)$/, 'a whole number from 1 to 1000')
    .default('100'),
  after: z
    .string()
    .regex(/^[0-9]{1,6}$/, 'the `next` of the answer before')
    .optional(),
});

const machineParams = z.strictObject({ id: machineId });

const LIST = describeCall({
  summary: 'What is remembered of machines: failures, service, and which are avoided until when',
  query: machinesQuery,
  answers: { 200: { is: 'A page of machines', schema: machinesAnswer } },
});

const FORGET = describeCall({
  summary: 'Forget what was noted of a machine until now',
  answers: { 200: { is: 'Forgotten', schema: machineForgottenAnswer } },
});

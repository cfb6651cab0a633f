import type { ServingSession, Sessions } from '../../src/client.ts';

export type ScriptedSessions = Sessions & {
  /** Every call that was made, with what it was given. */
  readonly calls: { readonly name: string; readonly given: unknown }[];
  /** The gateway's table; a test adds to it, `markUnreachable` takes from it. */
  readonly table: ServingSession[];
};

/**
 * Sessions for tests of the HTTP edge alone: they answer what the test scripts and remember what they
 * were asked. They say nothing about how sessions behave; scenarios over Temporal do.
 */
export function scriptedSessions(script: Partial<Sessions> = {}): ScriptedSessions {
  const calls: ScriptedSessions['calls'] = [];
  const table: ServingSession[] = [];
  const answer = <Name extends 'launch' | 'status' | 'extend' | 'destroy' | 'list' | 'plan'>(name: Name) =>
    ((given: unknown) => {
      calls.push({ name, given });
      const scripted = script[name] as ((given: unknown) => unknown) | undefined;
      if (scripted === undefined) throw new Error(`The test did not script ${name}`);
      return scripted(given);
    }) as Sessions[Name];
  return {
    calls,
    table,
    launch: answer('launch'),
    status: answer('status'),
    extend: answer('extend'),
    destroy: answer('destroy'),
    list: answer('list'),
    plan: answer('plan'),
    budget: () => script.budget?.() ?? Promise.reject(new Error('The test did not script budget')),
    logs: (order) => script.logs?.(order) ?? Promise.reject(new Error('The test did not script logs')),
    listen: (listener, lastId) => script.listen?.(listener, lastId) ?? (() => undefined),
    timeline: (order) =>
      script.timeline?.(order) ?? Promise.reject(new Error('The test did not script timeline')),
    guarantees: () => script.guarantees?.() ?? unscripted(),
    samples: (order) => script.samples?.(order) ?? unscripted(),
    hours: script.hours ?? { add: unscripted, list: unscripted, remove: unscripted },
    machines: script.machines ?? { list: unscripted, forget: unscripted },
    notifications: script.notifications ?? { list: unscripted, test: unscripted },
    versions: script.versions ?? { list: unscripted, promote: unscripted },
    lastReap: () => script.lastReap?.() ?? Promise.resolve(null),
    lastAudit: () => script.lastAudit?.() ?? Promise.resolve(null),
    reap: (order) => script.reap?.(order) ?? Promise.reject(new Error('The test did not script reap')),
    costs: (span) => script.costs?.(span) ?? Promise.reject(new Error('The test did not script costs')),
    readiness: () => script.readiness?.() ?? Promise.reject(new Error('The test did not script readiness')),
    serving: () => [...table],
    markUnreachable(session) {
      calls.push({ name: 'markUnreachable', given: session });
      const at = table.findIndex((one) => one.session === session);
      if (at >= 0) table.splice(at, 1);
    },
    close: async () => {},
  };
}

async function unscripted(): Promise<never> {
  throw new Error('The test did not script this call');
}

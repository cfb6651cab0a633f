import type { Authority } from '../../certificates.ts';
import type { ServingSession, Sessions } from '../../client.ts';
import type { Installation } from '../../installation.ts';
import type { BreakerRules } from '../breaker.ts';
import { openConnections } from '../connections.ts';
import type { Switchboard } from '../switchboard.ts';
import { type Candidate, type Deadlines, Target } from '../target.ts';
import type { Provider } from './provider.ts';

export type VastaiDeps = {
  readonly sessions: Pick<Sessions, 'serving' | 'markUnreachable'>;
  readonly installation: Pick<Installation, 'instanceKey'>;
  readonly authority: Pick<Authority, 'pinOf'>;
  readonly switchboard: Switchboard;
  readonly deadlines: Deadlines;
  readonly breaker: BreakerRules;
  readonly sweepMs?: number;
};

/** uvicorn, vLLM's server, closes idle connections after 5 s: ours must be the first to let go. */
const KEEP_ALIVE_MS = 3_000;
/** How often connections of instances that serve no more are looked for; idle ones close by themselves before. */
const SWEEP_MS = 5_000;

type Placed = {
  readonly target: Target;
  readonly close: () => Promise<void>;
  readonly stop: () => Promise<void>;
};
type Table = {
  readonly serving: readonly ServingSession[];
  readonly version: number;
  readonly byModel: ReadonlyMap<string, readonly Candidate[]>;
  readonly models: readonly string[];
  readonly defaultModel: string | null;
};

/** READY sessions. Each instance is a target with connections, key and breaker of its own. */
export function makeVastai(deps: VastaiDeps): Provider {
  const placed = new Map<string, Placed>();
  const leaving = new Set<Placed>();
  let table: Table | null = null;

  const targetOf = (session: ServingSession): Target => {
    const known = placed.get(session.label);
    if (known !== undefined && known.target.origin === originOf(session)) return known.target;
    if (known !== undefined) letGo(session.label, known);
    const fresh = place(deps, session);
    placed.set(session.label, fresh);
    return fresh.target;
  };
  const letGo = (label: string, one: Placed): void => {
    placed.delete(label);
    leaving.add(one);
    // Lets what is under way finish.
    void one
      .close()
      .catch(() => undefined)
      .finally(() => leaving.delete(one));
  };
  const look = (): Table => {
    const serving = deps.sessions.serving();
    const { version } = deps.switchboard;
    if (table?.serving === serving && table.version === version) return table;
    table = tableOf(serving, { switchboard: deps.switchboard, version, targetOf });
    return table;
  };
  const sweep = setInterval(() => {
    const labels = new Set(deps.sessions.serving().map(({ label }) => label));
    for (const [label, one] of placed) if (!labels.has(label)) letGo(label, one);
  }, deps.sweepMs ?? SWEEP_MS);
  sweep.unref();

  return {
    name: 'vastai',
    isConfigured: true,
    usdPerMillionTokens: () => 0,
    usdOf: () => null,
    models: () => look().models,
    candidates(model) {
      const { byModel, defaultModel } = look();
      return byModel.get(model ?? defaultModel ?? '') ?? NONE;
    },
    targets: () => deps.sessions.serving().map(targetOf),
    noteUnreachable: ({ session }) => {
      if (session !== null) deps.sessions.markUnreachable(session);
    },
    // Streams still under way have had their time when this is called.
    close: async () => {
      clearInterval(sweep);
      await Promise.all([...placed.values(), ...leaving].map((one) => one.stop()));
    },
  };
}

const NONE: readonly Candidate[] = [];

function tableOf(
  serving: readonly ServingSession[],
  order: { switchboard: Switchboard; version: number; targetOf: (session: ServingSession) => Target },
): Table {
  const { switchboard, version, targetOf } = order;
  const open = serving.filter((session) => switchboard.isReleased(session)).sort(compareNames);
  const byModel = new Map<string, Candidate[]>();
  for (const session of open) {
    const candidates = byModel.get(session.model) ?? [];
    candidates.push({ target: targetOf(session), model: session.model });
    byModel.set(session.model, candidates);
  }
  return {
    serving,
    version,
    byModel,
    models: [...byModel.keys()],
    defaultModel: defaultModel(open, switchboard),
  };
}

/** That of the session switched to, or of `default`; else of the first by name: the same one each time. */
function defaultModel(open: readonly ServingSession[], switchboard: Switchboard): string | null {
  const named = (name: string | null) => open.find(({ session }) => session === name);
  return (named(switchboard.session) ?? named('default') ?? open[0])?.model ?? null;
}

function place({ authority, installation, deadlines, breaker }: VastaiDeps, session: ServingSession): Placed {
  const origin = originOf(session);
  const pool = openConnections({
    origin,
    connectMs: deadlines.connectMs,
    keepAliveMs: KEEP_ALIVE_MS,
    pin: authority.pinOf(session.label),
  });
  const target = new Target({
    id: `vastai/${session.session}`,
    provider: 'vastai',
    session: session.session,
    dispatcher: pool,
    origin,
    basePath: new URL(session.endpoint).pathname.replace(/\/+$/, ''),
    headers: ['authorization', `Bearer ${installation.instanceKey(session.label)}`],
    deadlines,
    breaker,
    isVllm: true,
  });
  return { target, close: () => pool.close(), stop: () => pool.destroy() };
}

function originOf({ endpoint }: ServingSession): string {
  return new URL(endpoint).origin;
}

function compareNames(a: ServingSession, b: ServingSession): number {
  return a.session < b.session ? -1 : Number(a.session > b.session);
}

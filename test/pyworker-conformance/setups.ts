import type { Engine } from './engine.ts';
import { type ModelServer, startModelServer } from './model-server.ts';
import { type Kind, type RunningWorker, startWorker } from './workers.ts';

/** How a pair of workers is started; every case names the pair it runs on. */
export type SetupName = 'ready' | 'unsecured' | 'loading';

const SETUPS: Record<SetupName, { modelLog?: string; environment?: Record<string, string> }> = {
  ready: {},
  unsecured: { environment: { UNSECURED: 'true', MASTER_TOKEN: '' } },
  // Its model never says that it is up, and there is no benchmark to count with.
  loading: { modelLog: 'INFO loading\n' },
};

export type Pair = AsyncDisposable & {
  readonly sides: readonly {
    readonly kind: Kind;
    readonly worker: RunningWorker;
    readonly model: ModelServer;
  }[];
};

/** Two workers of one setup, each before a model server of its own. */
export async function startPair(
  name: SetupName,
  kinds: readonly [Kind, Kind],
  engine: Engine,
): Promise<Pair> {
  const firstId = 1_000 * (1 + Object.keys(SETUPS).indexOf(name));
  const sides = await Promise.all(
    kinds.map(async (kind, index) => {
      const model = await startModelServer();
      const order = { kind, id: firstId + index, engine, modelPort: model.port, ...SETUPS[name] };
      return { kind, model, worker: await startWorker(order) };
    }),
  );
  return {
    sides,
    [Symbol.asyncDispose]: async () => {
      for (const { worker, model } of sides) {
        await worker[Symbol.asyncDispose]();
        await model[Symbol.asyncDispose]();
      }
    },
  };
}

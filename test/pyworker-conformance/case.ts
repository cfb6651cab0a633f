import type { SetupName } from './setups.ts';
import { type Call, Side } from './side.ts';

/** One thing that is asked of both workers; what `run` gives is compared, and what model and engine saw of it. */
export type Case = {
  readonly name: string;
  /** The pair it runs on; `ready` unless said. */
  readonly on?: SetupName;
  readonly run: (side: Side) => Promise<unknown>;
};

/** The commonest case: one request, one answer. */
export function asks(name: string, route: string, call: Call = {}, on: SetupName = 'ready'): Case {
  return { name, on, run: (side) => side.ask(route, call) };
}

/** Everything there is to see of a case on one side. */
export async function play({ run }: Case, order: ConstructorParameters<typeof Side>[0]) {
  const side = new Side(order);
  await side.beginAfterReport();
  const seen = await run(side);
  const model = await side.atModel();
  const engine = await side.atEngine();
  return { sent: side.sent, shown: { seen, model, engine } };
}

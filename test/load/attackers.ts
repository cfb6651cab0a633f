import { parentPort, workerData } from 'node:worker_threads';
import { ATTACKS, type Attack } from './attacks.ts';
import { HostileClient, type Seen, type Target } from './client.ts';

/** In a thread: plays every attack at once until it is told to stop, and then says what came of them. */
export type Order = { readonly target: Target; readonly isLong: boolean };
export type Result = Seen & { readonly name: string };

/** A client that was thrown out comes back, but not so fast that the attacker is all that is measured. */
const BACK_AFTER_MS = 250;

const { target, isLong } = workerData as Order;
const clients = new Set<HostileClient>();
let isOver = false;

const results = ATTACKS.map(begin);
parentPort?.once('message', () => {
  isOver = true;
  for (const client of clients) client.end();
  parentPort?.postMessage(results);
  parentPort?.close();
});

function begin(attack: Attack): Result {
  const seen: Result = { name: attack.name, connections: 0, answers: {}, closed: 0, answersMax: 0 };
  const open = (nth: number): void => {
    if (isOver) return;
    const client = new HostileClient(target, seen, () => {
      clients.delete(client);
      setTimeout(() => open(nth + attack.together), BACK_AFTER_MS);
    });
    clients.add(client);
    attack.attack(client, target, nth);
  };
  const together = attack.together * (isLong ? attack.timesWhenLong : 1);
  for (let nth = 0; nth < together; nth += 1) setTimeout(() => open(nth), (nth / together) * 2_000);
  return seen;
}

/**
 * `npm run bench:recovery -- --rounds 12`: how soon everything goes on after the only worker was killed.
 *
 * In each round sessions are READY, others reach the end of their lifetime just then; the worker is killed with
 * SIGKILL, every other time by the market in the middle of a DELETE, and started again. Times count from the start of
 * the new process; of an interrupted provider call, from the call.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { StatusAnswer } from '../../src/admin/answers.ts';
import { ROOT } from './options.ts';
import { Stack } from './stack.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '12' },
    kept: { type: 'string', default: '10' },
    ending: { type: 'string', default: '4' },
  },
});
/** What is promised, seconds. */
const PROMISED = { message: 10, timer: 10, call: 30, supervision: 60 } as const;
type What = keyof typeof PROMISED;
const LIFETIME_MINUTES = 0.6;
const WAIT_MS = 150_000;

const samples: Record<What, number[]> = { message: [], timer: [], call: [], supervision: [] };
const starts: number[] = [];
const home = mkdtempSync(join(tmpdir(), 'leash-recovery-'));
const stack = await Stack.raise(
  { product: ROOT, together: 60, backend: 'fake', temporal: 'development' },
  { home, seed: 1, profile: 'calm' },
);
try {
  const kept = Array.from({ length: Number(values.kept) }, (_, index) => `kept-${index}`);
  await Promise.all(kept.map((session) => launch(session, { keep_alive_minutes: 50, budget_usd: 3 })));
  await Promise.all(kept.map((session) => until(session, ({ state }) => state === 'READY')));
  for (let round = 0; round < Number(values.rounds); round += 1) {
    await play(round, kept);
    process.stdout.write(`round ${round + 1} of ${values.rounds}: ${counts()}\n`);
  }
} finally {
  await stack.close();
  rmSync(home, { recursive: true, force: true });
}
process.exitCode = report() ? 0 : 1;

async function play(round: number, kept: readonly string[]): Promise<void> {
  const ending = Array.from({ length: Number(values.ending) }, (_, index) => `ends-${round}-${index}`);
  await Promise.all(
    ending.map((session) =>
      launch(session, {
        keep_alive_minutes: LIFETIME_MINUTES,
        max_lifetime_minutes: LIFETIME_MINUTES,
        budget_usd: 1,
      }),
    ),
  );
  const ready = await Promise.all(ending.map((session) => until(session, ({ state }) => state === 'READY')));
  const endsAtMs = Math.min(...ready.map(({ lifetime_until }) => Date.parse(lifetime_until ?? '')));
  const pid = await stack.worker.working(WAIT_MS);
  if (pid === null) throw new Error('The worker does not start.');
  const seqBefore = await newestCall();
  const killedAtMs = round % 2 === 0 ? await killAt(pid, endsAtMs - 200) : await killInDestroy(pid, endsAtMs);
  const answered = kept.map((session) => sendMessage(session));
  const ended = ending.map((session) => seeEnd(session));
  await stack.worker.successorOf(pid, WAIT_MS);
  const startedAtMs = Date.now();
  void stack.worker.working(WAIT_MS).then(() => starts.push((Date.now() - startedAtMs) / 1_000));
  for (const atMs of await Promise.all(answered)) note('message', atMs - startedAtMs);
  for (const [index, atMs] of (await Promise.all(ended)).entries()) {
    const dueMs = Date.parse(ready[index]?.lifetime_until ?? '');
    // One that began to end before the kill shows no timer.
    if (dueMs > killedAtMs) note('timer', atMs - Math.max(startedAtMs, dueMs));
  }
  await noteInterrupted(seqBefore);
  const looked = kept.map(async (session) => {
    await until(session, ({ health }) => Date.parse(health.last_ok_at ?? '') > startedAtMs);
    return Date.now();
  });
  for (const atMs of await Promise.all(looked)) note('supervision', atMs - startedAtMs);
  await Promise.all(ending.map((session) => until(session, ({ state }) => state === 'IDLE')));
}

async function killAt(pid: number, atMs: number): Promise<number> {
  await pause(Math.max(0, atMs - Date.now()));
  stack.worker.kill(pid);
  return Date.now();
}

/** The first DELETE of those that end then is received and never answered. */
async function killInDestroy(pid: number, endsAtMs: number): Promise<number> {
  stack.worker.expectEnd(pid);
  await stack.market.armKill('destroy', 'before', pid);
  const untilMs = endsAtMs + WAIT_MS;
  while (!stack.worker.hasEnded(pid) && Date.now() < untilMs) await pause(20);
  return Date.now();
}

/** An extension by the shortest way there is: answered once the workflow has taken it. */
async function sendMessage(session: string): Promise<number> {
  const { client } = stack;
  await client.withDeadline(Date.now() + WAIT_MS, () =>
    client.workflow
      .getHandle(`session/${session}`)
      .executeUpdate('extend', { args: [{ additionalMs: 600 }], updateId: crypto.randomUUID() }),
  );
  return Date.now();
}

/** When its memo first says that it is ending, or it is over. */
async function seeEnd(session: string): Promise<number> {
  const handle = stack.client.workflow.getHandle(`session/${session}`);
  const untilMs = Date.now() + WAIT_MS;
  while (Date.now() < untilMs) {
    const { memo, status } = await handle.describe();
    if (status.name !== 'RUNNING' || memo?.state === 'DESTROYING') return Date.now();
    await pause(100);
  }
  throw new Error(`${session} does not end.`);
}

/** DELETEs that were cut off, and when the market had each at last. */
async function noteInterrupted(after: number): Promise<void> {
  const calls = await stack.market.requests(after);
  for (const { at, path, method, status } of calls) {
    if (method !== 'DELETE' || status !== null) continue;
    note('call', ((await destroyedAt(path)) - at) * 1_000);
  }
}

/** When the market first took a DELETE of the instance that `path` names, epoch seconds. */
async function destroyedAt(path: string): Promise<number> {
  const untilMs = Date.now() + WAIT_MS;
  while (Date.now() < untilMs) {
    const contracts = await stack.market.contracts();
    const contract = contracts.find(({ id }) => path.split('/').includes(String(id)));
    if (contract?.destroy_requested_at != null) return contract.destroy_requested_at;
    await pause(250);
  }
  throw new Error(`${path} is not sent again.`);
}

async function newestCall(): Promise<number> {
  return (await stack.market.requests(0)).at(-1)?.seq ?? 0;
}

async function launch(session: string, body: object): Promise<void> {
  const answer = await stack.api.call('POST', 'vllm/launch', { session, ...body });
  if (answer?.status !== 202) throw new Error(`${session} is not launched: ${JSON.stringify(answer?.body)}`);
}

async function until(session: string, isSo: (status: StatusAnswer) => boolean): Promise<StatusAnswer> {
  const untilMs = Date.now() + WAIT_MS;
  while (Date.now() < untilMs) {
    const answer = await stack.api.once('GET', `vllm/status?session=${session}`);
    if (answer?.status === 200 && isSo(answer.body as StatusAnswer)) return answer.body as StatusAnswer;
    await pause(250);
  }
  throw new Error(`${session} is not as it should be in time.`);
}

function note(what: What, ms: number): void {
  samples[what].push(Math.max(0, ms / 1_000));
}

function counts(): string {
  return (Object.keys(PROMISED) as What[]).map((what) => `${samples[what].length} ${what}s`).join(', ');
}

/** True when every promise held. */
function report(): boolean {
  const names: Record<What, string> = {
    message: 'a message is answered',
    timer: 'a timer acts',
    call: 'an interrupted DELETE arrives',
    supervision: 'supervision has looked',
  };
  const row = (name: string, cells: readonly string[]) =>
    `${name.padEnd(30)}${cells.map((cell) => cell.padStart(10)).join('')}`;
  const lines = [row('after SIGKILL of the only worker', ['n', 'p50', 'p99', 'most', 'promised'])];
  let isKept = true;
  for (const what of Object.keys(PROMISED) as What[]) {
    const seen = samples[what].toSorted((a, b) => a - b);
    const at = (share: number) =>
      seen[Math.min(seen.length - 1, Math.floor(share * seen.length))] ?? Number.NaN;
    isKept &&= seen.length > 0 && at(1) <= PROMISED[what];
    const cells = [at(0.5), at(0.99), at(1)].map((value) => `${value.toFixed(1)} s`);
    lines.push(row(names[what], [String(seen.length), ...cells, `${PROMISED[what]} s`]));
  }
  const started = starts.toSorted((a, b) => a - b);
  lines.push(
    `A worker's start took ${started[Math.floor(started.length / 2)]?.toFixed(1)} s (median of ${started.length}).`,
  );
  process.stdout.write(`\n${lines.join('\n')}\n`);
  return isKept;
}

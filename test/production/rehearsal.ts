/**
 * `npm run rehearse:restore`: the backup and the restore of docs/backup.md, done once on PostgreSQL and the server of a
 * deployment, with two sessions open and one rented since. Prints what was typed and what it said.
 */
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { StatusAnswer } from '../../src/admin/answers.ts';
import { ROOT } from '../campaign/options.ts';
import { outsideWorld } from '../campaign/programs.ts';
import { ADMIN_MARKER, Stack } from '../campaign/stack.ts';
import { type NativeTemporal, startNativeTemporal, whyNotNative } from './native-temporal.ts';

const run = promisify(execFile);
const WAIT_MS = 180_000;
/** Temporal's two, in the order in which they are dumped: its lists may be newer than its histories. */
const DATABASES = ['temporal', 'temporal_visibility'] as const;

const missing = whyNotNative();
if (missing !== null) {
  process.stderr.write(`${missing}\n`);
  process.exit(2);
}
const home = mkdtempSync(join(tmpdir(), 'leash-rehearsal-'));
const temporal = await startNativeTemporal(home);
const stack = await Stack.raise(
  { product: ROOT, together: 20, backend: 'fake', temporal: 'postgres' },
  { home, seed: 1, profile: 'calm' },
  temporal,
);
try {
  await rehearse();
} finally {
  await stack.close();
  rmSync(home, { recursive: true, force: true });
}
process.exit();

async function rehearse(): Promise<void> {
  for (const session of ['stays', 'ends']) await launch(session);
  const before = await until('stays', isReady);
  await until('ends', isReady);
  say('Two sessions are READY. The backup, while everything runs:');
  for (const database of DATABASES) await postgres('pg_dump', '-Fc', '-f', `${database}.dump`, database);

  await stack.api.call('POST', 'vllm/destroy', { session: 'ends' });
  await until('ends', ({ receipt }) => receipt !== null);
  await launch('rented-since');
  await until('rented-since', isReady);
  say(
    'Since then one session has ended and one was rented. Leash and Temporal are stopped, the backup is put back:',
  );
  await Promise.all([...stack.workers, stack.server].map((program) => program.hold()));
  await temporal.stopServer();
  for (const database of DATABASES) {
    await postgres('dropdb', '--force', database);
    await postgres('createdb', database);
    await postgres('pg_restore', '--exit-on-error', '-d', database, `${database}.dump`);
  }
  say('Temporal first, then Leash:');
  await temporal.startServer();
  await stack.server.start();
  for (const worker of stack.workers) await worker.start();

  await until('ends', ({ receipt }) => receipt !== null);
  await leash('sessions', '--all');
  await leash('reap', '--dry-run');
  say('Two looks of the reaper later:');
  await gone('rented-since');
  await leash('reap', '--dry-run');
  await leash('doctor');
  const after = await until('stays', isReady);
  if (after.instance_id !== before.instance_id)
    throw new Error('The session that served has another instance.');
  await leash('destroy', '--session', 'stays');
  await leash('costs');
  const alive = (await ours()).filter(({ destroyed_at }) => destroyed_at === null);
  say(`The provider's books: ${(await ours()).length} contracts of ours, ${alive.length} alive.`);
  if (alive.length > 0) throw new Error('Something of ours is left.');
}

async function launch(session: string): Promise<void> {
  await stack.api.call('POST', 'vllm/launch', { session, keep_alive_minutes: 30, budget_usd: 1 });
}

async function until(session: string, isSo: (status: StatusAnswer) => boolean): Promise<StatusAnswer> {
  const untilMs = Date.now() + WAIT_MS;
  while (Date.now() < untilMs) {
    const answer = await stack.api.once('GET', `vllm/status?session=${session}`);
    if (answer?.status === 200 && isSo(answer.body as StatusAnswer)) return answer.body as StatusAnswer;
    await pause(300);
  }
  throw new Error(`${session} is not as it should be in time.`);
}

function isReady({ state }: StatusAnswer): boolean {
  return state === 'READY';
}

async function gone(session: string): Promise<void> {
  const untilMs = Date.now() + WAIT_MS;
  const isAlive = async () =>
    (await ours()).some(
      ({ label, destroyed_at }) => label?.includes(`.${session}.`) && destroyed_at === null,
    );
  while (await isAlive()) {
    if (Date.now() > untilMs) throw new Error(`The instance of ${session} is still there.`);
    await pause(1_000);
  }
}

async function ours() {
  return (await stack.market.contracts()).filter(({ label }) => label?.startsWith(`leash.${stack.owner}.`));
}

async function postgres(program: string, ...args: string[]): Promise<void> {
  say(`$ ${program} ${args.join(' ')}`);
  const { bin, login } = temporal satisfies NativeTemporal;
  const file = join(bin, program);
  const env = { ...outsideWorld(), ...login };
  await run(existsSync(file) ? file : program, args, { cwd: home, env });
}

/** As an engineer's shell does; what it says is shown, and its exit code. */
async function leash(...args: string[]): Promise<void> {
  say(`$ leash ${args.join(' ')}`);
  const child = spawn(process.execPath, [join(ROOT, 'bin/leash.mjs'), ...args, '--url', stack.url], {
    env: { ...outsideWorld(), ADMIN_TOKEN: ADMIN_MARKER, NO_COLOR: '1' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  await new Promise<void>((resolve) => child.once('exit', () => resolve()));
}

function say(line: string): void {
  process.stdout.write(`\n${line}\n`);
}

import { once } from 'node:events';
import { createServer } from 'node:net';
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { Problem } from '../../src/domain/problem.ts';
import { idleView, type Receipt, type SessionView } from '../../src/domain/session.ts';
import { startHttpEdge, TOKEN } from '../support/http-edge.ts';
import { scriptedSessions } from '../support/scripted-sessions.ts';
import { runLeash, startLeash } from './run-leash.ts';

/** The command line as a process, against the real HTTP server over scripted sessions. */

const nowMs = Date.now();

function aView(set: Partial<SessionView> = {}): SessionView {
  return {
    ...idleView('default'),
    run: 'runrunrun1',
    state: 'SEARCHING',
    detail: 'Looking for offers.',
    model: 'a/model',
    accepted: true,
    startedAtMs: nowMs,
    budget: { limitUsd: 2, spentUsd: 0.01, reservedUsd: 2, projectedBreachAtMs: null },
    ...set,
  };
}

const readyView = aView({
  state: 'READY',
  detail: 'Serving.',
  endpoint: 'http://203.0.113.9:40123/v1',
  gpu: 'RTX 4090',
  readyAtMs: nowMs + 60_000,
  keepAliveUntilMs: nowMs + 2_760_000,
});

/** As the gateway's table has it once `readyView` is so. */
const serving = {
  session: 'default',
  model: 'a/model',
  endpoint: 'http://203.0.113.9:40123/v1',
  label: 'leash.ownerowner.default.runrunrun1.1.x1772370000',
  instanceId: 9001,
};

const receipt: Receipt = {
  session: 'default',
  run: 'runrunrun1',
  outcome: 'launch-failed',
  reason: 'No offer was left.',
  startedAtMs: nowMs,
  readyAtMs: null,
  endedAtMs: nowMs + 5_000,
  final: false,
  usd: { gpu: 0, storage: 0, bandwidth: 0, total: 0 },
  forecastUsd: null,
  providerUsd: null,
  attempts: [],
  instances: [],
};
const failedView = aView({
  state: 'IDLE',
  detail: 'The launch failed.',
  outcome: 'launch-failed',
  reason: 'No offer was left.',
  receipt,
});

/** Answers one view after the other, the last one for ever. */
function inTurn(...views: [SessionView, ...SessionView[]]): () => Promise<SessionView> {
  let at = 0;
  return async () => views[Math.min(at++, views.length - 1)] ?? views[0];
}

const environment = { ADMIN_TOKEN: TOKEN, NO_COLOR: '1' };

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test('launch shows the phases, ends READY with a way to call it, and exits 0', async () => {
  const sessions = scriptedSessions({
    launch: async () => ({ created: true, view: aView() }),
    status: inTurn(aView({ state: 'BOOTING', detail: 'Pulling the image.' }), readyView),
  });
  sessions.table.push(serving);
  await using edge = await startHttpEdge({ sessions });
  const { code, out } = await runLeash(['launch', '--url', edge.url, '--keep-alive', '45'], {
    env: environment,
  });
  expect(out).toMatch(/searching\n.*booting\n.*READY/);
  expect(out).toContain(`curl -N ${edge.url}/v1/chat/completions`);
  expect(out).not.toContain(TOKEN);
  // Piped: no colours, no redrawn lines.
  expect(out).toBe(stripVTControlCharacters(out).replaceAll('\r', ''));
  expect(code).toBe(0);
});

test('every option of launch arrives at the server as the field of the API that it names', async () => {
  const sessions = scriptedSessions({ launch: async () => ({ created: true, view: readyView }) });
  await using edge = await startHttpEdge({ sessions });
  const { code, err } = await runLeash(
    [
      ...['launch', '--url', edge.url, '--no-wait', '--session', 'night', '--model', 'some/model'],
      ...['--keep-alive', '5', '--budget', '1.5', '--lifetime', '90', '--no-auto-switch', '--hedge', '2'],
      ...[
        '--replace',
        '--num-gpus',
        '2',
        '--gpu-ram',
        '20',
        '--disk',
        '80',
        '--image',
        'vllm/vllm-openai:v1',
      ],
      ...['--vllm-arg=--max-model-len', '--vllm-arg=8192', '--interruptible', '--max-bid', '0.3'],
      ...['--max-price', '0.5', '--countries', 'de,fr', '--not-countries', 'US', '--datacenter-only'],
      ...['--unverified', '--min-reliability', '0.9', '--machines', '11,12', '--not-machines', '13'],
    ],
    { env: environment },
  );
  expect(err).toBe('');
  expect(code).toBe(0);
  expect(sessions.calls).toMatchObject([
    {
      name: 'launch',
      given: {
        session: 'night',
        request: {
          model: 'some/model',
          keepAliveMs: 300_000,
          budgetUsd: 1.5,
          lifetimeMs: 5_400_000,
          autoSwitch: false,
          hedge: 2,
          replace: true,
          gpuCount: 2,
          gpuRamMibMin: 20_480,
          diskGb: 80,
          image: 'vllm/vllm-openai:v1',
          vllmArgs: ['--max-model-len', '8192'],
          interruptible: true,
          bidUsdPerHourMax: 0.3,
          usdPerHourMax: 0.5,
          countries: ['DE', 'FR'],
          notCountries: ['US'],
          datacenterOnly: true,
          verifiedOnly: false,
          reliabilityMin: 0.9,
          machines: [11, 12],
          notMachines: [13],
        },
      },
    },
  ]);
});

test('READY is told only once the gateway sends there: who calls at once is served', async () => {
  const sessions = scriptedSessions({ launch: async () => ({ created: true, view: readyView }) });
  let looks = 0;
  Object.assign(sessions, {
    status: async () => {
      looks += 1;
      if (looks === 2) sessions.table.push(serving);
      return readyView;
    },
  });
  await using edge = await startHttpEdge({ sessions });
  const { code, out } = await runLeash(['launch', '--url', edge.url, '--json'], { env: environment });
  expect(JSON.parse(out)).toMatchObject({ state: 'READY', provider: 'vastai' });
  expect(code).toBe(0);
});

test('a launch that ends without READY exits 1 and says why', async () => {
  const sessions = scriptedSessions({
    launch: async () => ({ created: true, view: aView() }),
    status: async () => failedView,
  });
  await using edge = await startHttpEdge({ sessions });
  const { code, err } = await runLeash(['launch', '--url', edge.url], { env: environment });
  expect(err).toContain('launch-failed, No offer was left.');
  expect(code).toBe(1);
});

test('Ctrl-C leaves a launch running and says how to end it', async () => {
  const sessions = scriptedSessions({
    launch: async () => ({ created: true, view: aView() }),
    status: async () => aView(),
  });
  await using edge = await startHttpEdge({ sessions });
  await using leash = startLeash(['launch', '--url', edge.url], { env: environment });
  await leash.awaitOutput(/searching/);
  leash.signal('SIGINT');
  const { code, out } = await leash.ended();
  expect(out).toContain('Session default goes on without this command');
  expect(out).toContain('leash destroy');
  expect(code).toBe(130);
  expect(sessions.calls.map((call) => call.name)).not.toContain('destroy');
});

test('a refusal over money exits 4 with the numbers', async () => {
  const sessions = scriptedSessions({
    launch: async () => {
      throw new Problem('over-budget', 'Spent $14.50 of $15.00, $0.00 reserved; $2.00 asked.');
    },
  });
  await using edge = await startHttpEdge({ sessions });
  const { code, err } = await runLeash(['launch', '--url', edge.url], { env: environment });
  expect(err).toContain('Spent $14.50 of $15.00, $0.00 reserved; $2.00 asked. [over-budget]');
  expect(code).toBe(4);
});

test('everything wrong with an order is said at once, and exits 2', async () => {
  await using edge = await startHttpEdge();
  const args = ['launch', '--url', edge.url, '--hedge', '9', '--vllm-arg=--api-key=x'];
  const { code, err } = await runLeash(args, { env: environment });
  expect(err).toContain('hedge: a whole number from 1 to 3 (given: 9)');
  expect(err).toMatch(/vllm_args\S*: any argument of the vLLM server but/);
  expect(code).toBe(2);
});

test('with --json standard output holds the answer of the API and nothing else', async () => {
  const sessions = scriptedSessions({
    launch: async () => ({ created: true, view: aView() }),
    status: inTurn(aView(), readyView),
  });
  sessions.table.push(serving);
  await using edge = await startHttpEdge({ sessions });
  const { code, out } = await runLeash(['launch', '--url', edge.url, '--json'], { env: environment });
  expect(JSON.parse(out)).toMatchObject({ session: 'default', state: 'READY', status: 'ready' });
  expect(code).toBe(0);
});

test('with --json a refusal is the problem as the API says it', async () => {
  const sessions = scriptedSessions({
    extend: async () => {
      throw new Problem('nothing-to-extend', 'Nothing is rented.');
    },
  });
  await using edge = await startHttpEdge({ sessions });
  const { code, out } = await runLeash(['extend', '10', '--url', edge.url, '--json'], { env: environment });
  expect(JSON.parse(out)).toMatchObject({ kind: 'nothing-to-extend', status: 409 });
  expect(code).toBe(4);
});

test('without a server a command says how to start it, and exits 3', async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const { code, err } = await runLeash(['status', '--url', url], { env: environment });
  expect(err).toContain(`The leash server does not answer at ${url}: start it with \`npm start\``);
  expect(code).toBe(3);
});

test('a wrong token says where it came from and what to set', async () => {
  await using edge = await startHttpEdge();
  const env = { ...environment, ADMIN_TOKEN: 'not-the-token' };
  const { code, err } = await runLeash(['status', '--url', edge.url], { env });
  expect(err).toContain('does not take the admin token from ADMIN_TOKEN');
  expect(err).not.toContain('not-the-token');
  expect(code).toBe(4);
});

test('destroy waits for the receipt and shows it', async () => {
  const done = { ...receipt, outcome: 'completed' as const, reason: 'requested' };
  const ended = aView({ state: 'IDLE', outcome: 'completed', reason: 'requested', receipt: done });
  const sessions = scriptedSessions({
    destroy: async () => ({ done: false, view: aView({ state: 'DESTROYING', detail: 'Draining.' }) }),
    status: inTurn(aView({ state: 'DESTROYING', detail: 'Looking again.' }), ended),
  });
  await using edge = await startHttpEdge({ sessions });
  const { code, out } = await runLeash(['destroy', '--url', edge.url], { env: environment });
  expect(out).toMatch(/Ending default: Draining\.[\s\S]*Receipt of default[\s\S]*completed \(requested\)/);
  expect(code).toBe(0);
});

test('a session that is over and has not written its receipt yet is waited for', async () => {
  const over = aView({ state: 'IDLE', outcome: 'completed', reason: 'requested' });
  const done = { ...receipt, outcome: 'completed' as const, reason: 'requested' };
  const sessions = scriptedSessions({
    destroy: async () => ({ done: false, view: over }),
    status: inTurn(over, { ...over, receipt: done }),
  });
  await using edge = await startHttpEdge({ sessions });
  const { out } = await runLeash(['destroy', '--url', edge.url], { env: environment });
  expect(out).toContain('Receipt of default');
});

test('a teardown that is not seen to end in time exits 1 and says that it goes on', async () => {
  const destroying = aView({ state: 'DESTROYING', detail: 'The market still lists instance 9001.' });
  const sessions = scriptedSessions({
    destroy: async () => ({ done: false, view: destroying }),
    status: async () => destroying,
  });
  await using edge = await startHttpEdge({ sessions });
  const { code, err } = await runLeash(['destroy', '--wait', '1', '--url', edge.url], { env: environment });
  expect(err).toContain('The market still lists instance 9001.');
  expect(err).toContain('goes on by itself');
  expect(code).toBe(1);
});

test('status --watch ends when the session has ended', async () => {
  const sessions = scriptedSessions({ status: inTurn(readyView, readyView, failedView) });
  await using edge = await startHttpEdge({ sessions });
  const { code, out } = await runLeash(['status', '--watch', '--url', edge.url], { env: environment });
  expect(out).toContain('http://203.0.113.9:40123/v1');
  expect(out).toContain('Receipt of default');
  expect(code).toBe(0);
});

test('sessions lists the open ones, and with --all past ones too', async () => {
  const summary = {
    session: 'night',
    run: 'runrunrun1',
    state: 'READY' as const,
    outcome: null,
    gpu: 'RTX 4090',
    instanceId: '9001',
    usdPerHour: 0.42,
    startedAtMs: nowMs,
    endedAtMs: null,
  };
  const sessions = scriptedSessions({ list: async () => ({ items: [summary], next: null }) });
  await using edge = await startHttpEdge({ sessions });
  const { out } = await runLeash(['sessions', '--url', edge.url], { env: environment });
  expect(out).toMatch(/night\s+READY\s+RTX 4090\s+0\.420\s+9001/);
  await runLeash(['sessions', '--all', '--url', edge.url], { env: environment });
  expect(sessions.calls).toMatchObject([{ given: { open: true } }, { given: {} }]);
  expect(sessions.calls[1]?.given).not.toHaveProperty('open');
});

test.each([
  [['launch', '--budget', 'much'], /A number above zero/],
  [['launch', '--session', 'Not A Name'], /1 to 40 of a-z/],
  [['lunch'], /launch/],
  [['extend'], /missing required argument/],
  [['status', '--url', 'nowhere'], /An address such as/],
])('leash %s is a mistake that exits 2', async (args, said) => {
  const { code, err } = await runLeash(args, { env: environment });
  expect(err).toMatch(said);
  expect(code).toBe(2);
});

test('--help names every command and every exit code', async () => {
  const { code, out } = await runLeash(['--help'], { env: environment });
  for (const command of ['up', 'launch', 'status', 'extend', 'destroy', 'sessions', 'simulate'])
    expect(out).toMatch(new RegExp(`^  ${command} `, 'm'));
  for (const exit of [0, 1, 2, 3, 4, 130]) expect(out).toMatch(new RegExp(`^  ${exit} `, 'm'));
  expect(code).toBe(0);
});

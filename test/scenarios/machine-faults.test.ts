import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aLaunch, type Stack, startStack } from '../support/stack.ts';

/** What goes wrong with the machine, or with the software on it. */

let stack: Stack;
beforeAll(async () => {
  // What boots here boots in two seconds: what does not in eight never will.
  stack = await startStack({ policy: { maxStartupMs: 8_000, bootTimeFactor: 1 / 300 } });
});
afterAll(() => stack[Symbol.asyncDispose]());

describe.concurrent('a machine that cannot serve is given back, and the next one serves', () => {
  test.each([
    { fault: 'stuck-loading', kind: 'gave-up-loading' },
    { fault: 'cdi-error', kind: 'cdi-error' },
    { fault: 'oci-error', kind: 'oci-error' },
    { fault: 'driver-too-old', kind: 'driver-too-old' },
    { fault: 'exits', kind: 'exited', seconds: 0 },
    { fault: 'port-missing', kind: 'port-missing' },
    // From outside it looks like a server that never comes up.
    { fault: 'port-unreachable', kind: 'port-unreachable' },
    { fault: 'vllm-never-ready', kind: 'vllm-timeout' },
    { fault: 'health-only', kind: 'vllm-timeout' },
    { fault: 'overcharged', kind: 'contract-mismatch' },
  ])(
    '$fault',
    async ({ kind, ...fault }) => {
      const { api, books } = stack;
      const session = fault.fault;
      await inject(session, fault);
      await api.launched(aLaunch({ session }));
      // All of these rent at once, and have to pass over each other's machines.
      const ready = await api.supervised(session, 150_000);
      const [failed] = failedOf(ready.attempts);
      expect(failed?.failure).toMatchObject({ kind, whose: 'host' });
      expect(failed?.failure?.message).toMatch(/\w+ .*\./);
      expect(ready.machine_id).not.toBe(failed?.machine_id);
      const receipt = await api.destroyed(session);
      expect(receipt.outcome).toBe('completed');
      expect(await books.ours(session)).toHaveLength(2);
      await books.expectAllWell(receipt, { trafficShare: 1 });
    },
    240_000,
  );
});

describe.concurrent('a mistake of the caller’s stops the launch after one host', () => {
  test.each([
    { fault: 'pull-error', kind: 'image-not-found', says: /image/ },
    { fault: 'model-gated', kind: 'model-gated', says: /HF_TOKEN/ },
    { fault: 'bad-flag', kind: 'bad-flag', says: /vllm_args/ },
  ])('$fault', async ({ fault, kind, says }) => {
    const { api, books } = stack;
    await inject(fault, { fault, times: 0 });
    await api.launched(aLaunch({ session: fault }));
    const receipt = await api.ended(fault);
    expect(receipt.outcome).toBe('launch-failed');
    expect(receipt.reason).toMatch(says);
    expect(failedOf(receipt.attempts).map(({ failure }) => failure?.kind)).toEqual([kind]);
    expect(receipt.attempts.at(-1)?.failure?.whose).toBe('caller');
    expect(await books.ours(fault)).toHaveLength(1);
    await books.expectAllWell(receipt, { trafficShare: 1 });
  });
});

describe.concurrent('a READY instance that is lost ends its session, given back', () => {
  test.each([
    { fault: 'vllm-dies', outcomes: ['unhealthy', 'lost'] },
    { fault: 'offline', outcomes: ['lost'] },
    { fault: 'stopped-by-provider', outcomes: ['lost'] },
  ])('$fault', async ({ fault, outcomes }) => {
    const { api, books } = stack;
    const session = `ends-${fault}`;
    await inject(session, { fault, seconds: 4 });
    await api.launched(aLaunch({ session }));
    await api.ready(session);
    const receipt = await api.ended(session);
    expect(outcomes).toContain(receipt.outcome);
    expect(receipt.ready_at).not.toBeNull();
    expect(receipt.reason).toMatch(/\w+ .*\./);
    expect(await books.ours(session)).toHaveLength(1);
    await books.expectAllWell(receipt);
  });

  test.each([{ fault: 'vllm-dies' }, { fault: 'stopped-by-provider' }])(
    'with `replace` it is replaced after $fault, and serves on',
    async ({ fault }) => {
      const { api, books } = stack;
      const session = `again-${fault}`;
      await inject(session, { fault, seconds: 4 });
      await api.launched(aLaunch({ session, replace: true }));
      const first = await api.ready(session);
      const second = await api.until(
        session,
        'is READY on another instance',
        ({ state, instance_id }) => state === 'READY' && instance_id !== first.instance_id,
      );
      expect(second.machine_id).not.toBe(first.machine_id);
      await api.until(session, 'was looked at', ({ health }) => health.last_ok_at !== null);
      const receipt = await api.destroyed(session);
      expect(receipt.outcome).toBe('completed');
      expect(await books.ours(session)).toHaveLength(2);
      await books.expectAllWell(receipt);
    },
  );
});

test('a bid that is outbid ends its session, and says so', async () => {
  const { api, books } = stack;
  const session = 'outbid';
  await inject(session, { fault: 'outbid', seconds: 4 });
  await api.launched(aLaunch({ session, interruptible: true }));
  await api.ready(session);
  const receipt = await api.ended(session);
  expect(receipt.outcome).toBe('lost');
  expect(receipt.reason).toMatch(/outbid/i);
  await books.expectAllWell(receipt);
});

test('two machines with the same trouble that either may cause: the launch stops, and points at the order', async () => {
  const { api, books } = stack;
  const session = 'oci-twice';
  await inject(session, { fault: 'oci-error', times: 0 });
  await api.launched(aLaunch({ session }));
  const receipt = await api.ended(session);
  expect(receipt.outcome).toBe('launch-failed');
  expect(receipt.reason).toMatch(/two machines/);
  expect(failedOf(receipt.attempts).map(({ failure }) => failure?.whose)).toEqual(['host', 'caller']);
  await books.expectAllWell(receipt);
});

function inject(session: string, fault: object): Promise<void> {
  return stack.faults({ label_prefix: stack.labelPrefix(session), ...fault });
}

/** Without those that found the machine taken by a neighbour: they cost no create. */
function failedOf<Attempt extends { failure: { kind: string } | null }>(
  attempts: readonly Attempt[],
): Attempt[] {
  return attempts.filter(({ failure }) => failure !== null && failure.kind !== 'machine-taken');
}

import { eventually } from '../../support/eventually.ts';
import { type HttpEdge, startHttpEdge } from '../../support/http-edge.ts';
import {
  type Behaviour,
  endJson,
  eventOf,
  FAILURES,
  startProvider,
  type TestProvider,
} from '../../support/providers.ts';
import { type Keys, MISBEHAVING } from './client-case.ts';
import type { Target } from './targets.ts';

export type Stage = AsyncDisposable & {
  readonly url: string;
  readonly keys: Keys;
  /** Who was left by callers and has not seen it in time: `leavings` each of the silent provider and the target. */
  findUntold(leavings: number): Promise<string[]>;
};

const TOLD_MS_MAX = 10_000;

/** The gateway with a target behind it, and beside it providers that misbehave, each by a model of its own. */
export async function startStage(target: Target): Promise<Stage> {
  const misbehaving = new Map(
    await Promise.all(
      MISBEHAVING.map(async (name) => [name, await startProvider(name, behaviourOf(name))] as const),
    ),
  );
  const further = [...misbehaving].map(([name, { url }]) => ({ name, url, models: [name] }));
  const edge = await startHttpEdge({
    settings: { GATEWAY_PROVIDERS: JSON.stringify(further), ...target.settings },
  });
  const silent = misbehaving.get('silent');
  const stop = async () => {
    await edge.close();
    await Promise.all([target.stop(), ...[...misbehaving.values()].map((provider) => provider.die())]);
  };
  try {
    await target.serve(edge);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: edge.url,
    keys: await keysOf(edge),
    findUntold: async (leavings) => {
      const looks = {
        'the silent provider': () => leftOf(silent),
        'the target': () => target.left(),
      };
      const untold = Object.entries(looks).map(async ([who, look]) => {
        const isTold = async () => (await look()) >= leavings;
        const told = await eventually(who, isTold, TOLD_MS_MAX).catch(() => false);
        return told ? [] : [`${who} was told of ${await look()} of ${leavings} callers who left`];
      });
      return (await Promise.all(untold)).flat();
    },
    [Symbol.asyncDispose]: stop,
  };
}

async function keysOf(edge: HttpEdge): Promise<Keys> {
  return {
    all: await makeKey(edge, 'all'),
    wrong: 'sk-wrong',
    other: await makeKey(edge, 'other', ['another-model']),
  };
}

async function makeKey(edge: HttpEdge, name: string, models?: readonly string[]): Promise<string> {
  const made = await edge.ask('/api/admin/keys', { json: { name, models } });
  if (made.status !== 201) throw new Error(`The key ${name} was not made: ${await made.text()}`);
  return ((await made.json()) as { token: string }).token;
}

function behaviourOf(name: (typeof MISBEHAVING)[number]): Behaviour {
  switch (name) {
    case 'limited-once':
      return everyOther(limited, (response) => endJson(response, 200, COMPLETION));
    case 'limited':
      return limited;
    case 'broken':
      return FAILURES['answers 500'] ?? limited;
    case 'cut':
      return (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(eventOf({ role: 'assistant', content: 'One' }));
        response.write(eventOf({ content: ' two' }), () => response.destroy());
      };
    case 'silent':
      return () => undefined;
  }
}

const COMPLETION = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'limited-once',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Now.' }, finish_reason: 'stop' }],
};

const limited: Behaviour = (response) =>
  endJson(
    response,
    429,
    { error: { message: 'too many', type: 'rate_limit_error', param: null, code: 'rate_limit_exceeded' } },
    { 'retry-after': '1' },
  );

function everyOther(first: Behaviour, second: Behaviour): Behaviour {
  let count = 0;
  return (response, seen) => {
    count += 1;
    (count % 2 === 1 ? first : second)(response, seen);
  };
}

function leftOf(provider: TestProvider | undefined): number {
  return provider?.seen.filter(({ request }) => request.socket.destroyed).length ?? 0;
}

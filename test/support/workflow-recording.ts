import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { connectClient } from '../../src/temporal/connection.ts';
import { ledgerWorkflowId, sessionWorkflowId } from '../../src/workflows/ids.ts';
import { eventually } from './eventually.ts';
import { plainText } from './plain-text.ts';
import { aLaunch, type Stack, type StackOptions, startStack } from './stack.ts';

const { History } = temporal.api.history.v1;

/** Part of every secret that a recording is given: it must be nowhere in what is kept. */
export const CANARY = 'canary';

const SECRETS = {
  HF_TOKEN: `hf_${CANARY}AAAAAAAAAAAAAAAAAAAA`,
  LEASH_IMAGE_LOGIN: `-u ${CANARY} -p ${CANARY}-password registry.example`,
};
const MARKET_KEY = `${CANARY}-market-key`;

/** Real sessions on the simulated market, whose histories every later version must be able to replay. */
export async function recordHistories(directory: string): Promise<void> {
  const recorder = {
    write: (name: string, text: string) => writeFileSync(join(directory, `${name}.json`), text),
  };
  await withStack({}, async (stack) => {
    await runPlain(stack, 'plain');
    await stack.faults(
      { call: 'create', fault: 'reply-lost-before' },
      { call: 'create', fault: 'offer-gone' },
    );
    await runPlain(stack, 'failed-attempts');
    await runExtended(stack, 'extended');
    await runReplaced(stack, 'replaced');
    await runHedged(stack, 'hedged');
    for (const name of ['plain', 'failed-attempts', 'extended', 'replaced', 'hedged'])
      recorder.write(name, await historyOf(stack, sessionWorkflowId(name)));
    recorder.write('ledger', await historyOf(stack, ledgerWorkflowId(stack.owner)));
    recorder.write('reaper', await reaperHistory(stack));
  });
  await withStack({ policy: { historyEventsMax: 40, sliceMs: 1_500 } }, async (stack) => {
    await stack.api.launched(aLaunch({ session: 'continued' }));
    const { firstRunId, laterRunId } = await continuedRuns(stack, 'continued');
    await stack.api.destroyed('continued');
    recorder.write('continued-first', await historyOf(stack, sessionWorkflowId('continued'), firstRunId));
    recorder.write('continued-later', await historyOf(stack, sessionWorkflowId('continued'), laterRunId));
  });
}

async function withStack(options: StackOptions, act: (stack: Stack) => Promise<void>): Promise<void> {
  await using stack = await startStack({
    ...options,
    simulator: { key: MARKET_KEY },
    settings: { ...SECRETS, ...options.settings },
  });
  await act(stack);
}

async function runPlain({ api }: Stack, session: string): Promise<void> {
  await api.launched(aLaunch({ session }));
  await api.ready(session);
  await api.destroyed(session);
}

async function runExtended({ api }: Stack, session: string): Promise<void> {
  await api.launched(aLaunch({ session }));
  await api.ready(session);
  await api.extend(session, 5);
  await api.extend(session, 100_000);
  await api.destroyed(session);
}

async function runReplaced({ api, faults, labelPrefix }: Stack, session: string): Promise<void> {
  await faults({ fault: 'stopped-by-provider', seconds: 6, label_prefix: labelPrefix(session) });
  await api.launched(aLaunch({ session, replace: true }));
  await api.until(
    session,
    'is READY on another',
    ({ state, attempts }) =>
      state === 'READY' && attempts.filter(({ phase }) => phase !== 'ready').length > 0,
    60_000,
  );
  await api.destroyed(session);
}

/** Two lanes, of which one meets a broken host, which is remembered. */
async function runHedged({ api, faults, labelPrefix }: Stack, session: string): Promise<void> {
  await faults({ fault: 'cdi-error', label_prefix: labelPrefix(session) });
  await api.launched(aLaunch({ session, hedge: 2 }));
  await api.ready(session);
  await api.destroyed(session);
}

async function continuedRuns(
  stack: Stack,
  session: string,
): Promise<{ firstRunId: string; laterRunId: string }> {
  return withClient(stack, async (client) => {
    const runId = async () => (await client.workflow.getHandle(sessionWorkflowId(session)).describe()).runId;
    const firstRunId = await runId();
    const laterRunId = await eventually(
      'it continues as new',
      async () => {
        const now = await runId();
        return now === firstRunId ? null : now;
      },
      40_000,
    );
    return { firstRunId, laterRunId: laterRunId };
  });
}

async function reaperHistory(stack: Stack): Promise<string> {
  return withClient(stack, async (client) => {
    for await (const { workflowId, status } of client.workflow.list({
      query: "WorkflowType = 'reapOrphans'",
    }))
      if (status.name === 'COMPLETED')
        return scrubbed(stack, await client.workflow.getHandle(workflowId).fetchHistory());
    throw new Error('The reaper never ran.');
  });
}

async function historyOf(stack: Stack, workflowId: string, runId?: string): Promise<string> {
  return withClient(stack, async (client) =>
    scrubbed(stack, await client.workflow.getHandle(workflowId, runId).fetchHistory()),
  );
}

async function withClient<Said>(stack: Stack, act: (client: Client) => Promise<Said>): Promise<Said> {
  const { client, close } = await connectClient(stack.temporal);
  return act(client).finally(close);
}

/** A history that was recorded, as replay takes it. */
export function readHistory(text: string): temporal.api.history.v1.History {
  return History.fromObject(JSON.parse(text));
}

/** Without what names the machine it was recorded on; replay reads none of it. */
function scrubbed(stack: Stack, history: temporal.api.history.v1.IHistory): string {
  const object = History.toObject(History.fromObject(history), {
    bytes: String,
    enums: String,
    longs: String,
  });
  const text = JSON.stringify(object, (key, value: unknown) => {
    if (key === 'identity') return 'worker';
    if (key === 'stackTrace') return '';
    // The sticky queue of the worker, named for its host.
    return typeof value === 'string' && value.startsWith('leash@') ? 'worker' : value;
  });
  if (plainText(JSON.parse(text)).includes(stack.token)) throw new Error('The admin token is in a history.');
  return `${text}\n`;
}

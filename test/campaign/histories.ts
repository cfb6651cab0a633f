import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { plainText } from '../support/plain-text.ts';
import type { RunRecords, TemporalRun } from './records.ts';
import { secretsIn } from './secrets.ts';

const { History } = proto.temporal.api.history.v1;

export type HistoriesChecked = Pick<RunRecords, 'replayFailures'> & {
  readonly runs: TemporalRun[];
  readonly leaks: { where: string; what: string }[];
  readonly replayed: number;
};

type Execution = { workflowId: string; runId: string; run: TemporalRun | null; told: string };

/** Every history that was recorded, replayed with the product's workflows as they are, and read for secrets. */
export async function checkHistories(client: Client, product: string): Promise<HistoriesChecked> {
  quieten();
  const executions = await listAll(client);
  const leaks = executions.flatMap(({ workflowId, told }) =>
    secretsIn(told).map((what) => ({ where: `memo of ${workflowId}`, what })),
  );
  const histories = async function* () {
    for (const { workflowId, runId } of executions) {
      const history = await fetchHistory(client, workflowId, runId);
      const object = History.toObject(History.fromObject(history), {
        bytes: String,
        enums: String,
        longs: String,
      });
      for (const what of secretsIn(plainText(object)))
        leaks.push({ where: `history of ${workflowId}`, what });
      yield { workflowId, history };
    }
  };
  const replayFailures: RunRecords['replayFailures'][number][] = [];
  let replayed = 0;
  const workflowBundle = await bundleOf(product);
  for await (const { workflowId, runId, error } of Worker.runReplayHistories(
    { workflowBundle },
    histories(),
  )) {
    replayed += 1;
    if (error !== undefined) replayFailures.push({ workflowId, runId, why: error.message.slice(0, 600) });
  }
  const runs = executions.flatMap(({ run }) => (run === null ? [] : [run]));
  return { runs, leaks, replayFailures, replayed };
}

let isQuiet = false;

function quieten(): void {
  if (isQuiet) return;
  isQuiet = true;
  Runtime.install({ logger: new DefaultLogger('ERROR') });
}

/** From the product that is tried, which need not be this checkout. */
async function bundleOf(product: string): Promise<{ code: string }> {
  const module = (await import(pathToFileURL(join(product, 'src/temporal/bundle.ts')).href)) as {
    workflowBundle(): Promise<{ code: string }>;
  };
  return module.workflowBundle();
}

async function listAll(client: Client): Promise<Execution[]> {
  const executions: Execution[] = [];
  for await (const info of client.workflow.list({ pageSize: 500 })) {
    const { workflowId, runId, type, status, startTime, closeTime, memo, searchAttributes } = info;
    const told = JSON.stringify([memo ?? {}, searchAttributes ?? {}]);
    const owned = (memo ?? {}) as { run?: string };
    const run: TemporalRun | null =
      type === 'gpuSession'
        ? {
            session: workflowId.slice('session/'.length),
            run: owned.run ?? null,
            status: status.name,
            startedAtMs: startTime.getTime(),
            closedAtMs: closeTime?.getTime() ?? null,
          }
        : null;
    executions.push({ workflowId, runId, run, told });
  }
  return executions;
}

async function fetchHistory(client: Client, workflowId: string, runId: string) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await client.withDeadline(Date.now() + 20_000, () =>
        client.workflow.getHandle(workflowId, runId).fetchHistory(),
      );
    } catch (error) {
      if (tries >= 3) throw error;
    }
  }
}

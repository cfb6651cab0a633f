import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from '@temporalio/worker';
import { pino } from 'pino';
import { beforeAll, expect, test } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { workflowBundle } from '../../src/temporal/bundle.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { openTracing } from '../../src/tracing/tracing.ts';
import { sessionWorkflowId } from '../../src/workflows/ids.ts';
import { aLaunch, startStack } from '../support/stack.ts';
import { readHistory } from '../support/workflow-recording.ts';
import { startCollector } from './collector.ts';

/**
 * Tracing is switched on and off between two starts, under open sessions: each way the workflows must do what
 * they did.
 */
const DIRECTORY = fileURLToPath(new URL('../histories/', import.meta.url));

let modules: readonly string[];
/** Spans of a replay are told to nobody. */
const sinks = { exporter: { export: { fn: () => undefined } } };

beforeAll(async () => {
  const config = parseConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' });
  const tracing = await openTracing(config, pino({ enabled: false }));
  modules = tracing?.ofWorker.workflowModules ?? [];
  await tracing?.close();
});

test('sessions that began untraced go on when tracing is switched on', async () => {
  const traced = await workflowBundle({ interceptorModules: modules });
  expect(traced.code).toContain('_tracer-data');
  const names = readdirSync(DIRECTORY).filter((name) => name.endsWith('.json'));
  expect(names).toEqual(expect.arrayContaining(['hedged.json', 'plain.json', 'replaced.json']));
  for (const name of names) {
    const history = readHistory(readFileSync(`${DIRECTORY}${name}`, 'utf8'));
    await expect(
      Worker.runReplayHistory({ workflowBundle: traced, sinks }, history),
      name,
    ).resolves.toBeUndefined();
  }
}, 120_000);

test('sessions that began traced go on either way, hedged ones too', async () => {
  await using collector = await startCollector();
  await using stack = await startStack({ settings: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } });
  for (const hedge of [1, 2]) {
    const session = `hedge-${hedge}`;
    await stack.faults({ fault: 'cdi-error', label_prefix: stack.labelPrefix(session) });
    await stack.api.launched(aLaunch({ session, hedge }));
    await stack.api.ready(session);
    await stack.api.extend(session, 5);
    await stack.api.destroyed(session);
  }
  const { client, close } = await connectClient(stack.temporal);
  try {
    for (const hedge of [1, 2]) {
      const handle = client.workflow.getHandle(sessionWorkflowId(`hedge-${hedge}`));
      const history = await handle.fetchHistory();
      expect(JSON.stringify(history)).toContain('_tracer-data');
      for (const interceptorModules of [[], modules]) {
        const bundle = await workflowBundle({ interceptorModules });
        await expect(
          Worker.runReplayHistory({ workflowBundle: bundle, sinks }, history),
        ).resolves.toBeUndefined();
      }
    }
  } finally {
    await close();
  }
}, 120_000);

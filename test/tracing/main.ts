import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { compose } from '../../src/cli/compose.ts';
import { Api } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { startCollector } from './collector.ts';
import { drawTrace } from './tree.ts';

/**
 * `npm run trace:example`: one launch → READY → chat → destroy on a simulated market of its own, and what a collector
 * was sent of it, drawn. The chat goes on with the launch's trace, as one caller's program would.
 */
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const headers = { traceparent: `00-${TRACE}-b7ad6b7169203331-01` };
const home = mkdtempSync(join(tmpdir(), 'leash-trace-'));
await using collector = await startCollector();
const running = await compose({
  environment: {
    LEASH_HOME: home,
    LEASH_RATE_SCALE: '0',
    LEASH_PORT: '0',
    LEASH_TEMPORAL_PORT: '0',
    LEASH_TEMPORAL_UI_PORT: '0',
    LEASH_SIMULATOR_PORT: '0',
    LEASH_DRAIN_SECONDS: '1',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  },
  market: 'simulated',
  ownTemporal: true,
  simulator: { timeScale: 60, seed: 7 },
  logger: pino({ enabled: false }),
});
try {
  const { adminToken } = running.installation;
  const api = new Api(running.apiUrl, adminToken);
  await api.launched({ keep_alive_minutes: 10, budget_usd: 1 }, { headers });
  await api.ready('default');
  const answer = await fetch(`${running.apiUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { ...headers, authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'Hello' }], max_tokens: 16 }),
  });
  await answer.text();
  await api.destroyed('default');
  await eventually('the session’s own span is sent', () =>
    collector.spans.some(({ name }) => name === 'RunWorkflow:gpuSession'),
  );
} finally {
  await running.stop();
  rmSync(home, { recursive: true, force: true });
}
const spans = collector.spans.filter(({ traceId }) => traceId === TRACE);
process.stdout.write(`${drawTrace(spans)}\n`);

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { workflowBundle } from '../../src/temporal/bundle.ts';

const PROGRAM = fileURLToPath(new URL('loaded-modules.ts', import.meta.url));

test('a server and a worker without a collector load nothing of OpenTelemetry', async () => {
  const { isOn, loaded, modules } = await loadedBy({});
  // prom-client brings the interface alone, which does nothing by itself.
  const more = loaded.filter((path) => !path.includes('/@opentelemetry/api/'));
  expect({ isOn, more }).toEqual({ isOn: false, more: [] });
  // It does see what is loaded.
  expect(modules).toBeGreaterThan(100);
}, 60_000);

test('with a collector they load it, so that the test above can fail', async () => {
  const { isOn, loaded } = await loadedBy({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' });
  expect(isOn).toBe(true);
  expect(loaded.some((path) => path.includes('/@opentelemetry/sdk-trace-node/'))).toBe(true);
}, 60_000);

test('workflows that nobody traces are bundled without interceptors', async () => {
  const { code } = await workflowBundle();
  expect(code).not.toContain('_tracer-data');
}, 60_000);

async function loadedBy(
  settings: Readonly<Record<string, string>>,
): Promise<{ isOn: boolean; modules: number; loaded: string[] }> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM], {
    env: { PATH: process.env.PATH ?? '', ...settings },
    timeout: 50_000,
  });
  return JSON.parse(stdout);
}

import { createRequire } from 'node:module';
import { pino } from 'pino';
import { parseConfig } from '../../src/config.ts';
import '../../src/server.ts';
import { openTracing } from '../../src/tracing/tracing.ts';
import '../../src/worker.ts';

/** Prints which modules of OpenTelemetry a process of ours has loaded, once its tracing is open. */
const tracing = await openTracing(parseConfig(process.env), pino({ enabled: false }));
const { cache } = createRequire(import.meta.url);
const loaded = Object.keys(cache).filter((path) => path.includes('opentelemetry'));
process.stdout.write(JSON.stringify({ isOn: tracing !== null, modules: Object.keys(cache).length, loaded }));
await tracing?.close();

/**
 * The gateway beside its peers, in one run in front of one upstream: requests a second, latency, processor time
 * and memory, plain and streamed. `--seconds N` a round (5), `--only leash,floor,…`, `--memory` for the memory
 * test too, `--json FILE`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { memoryTest } from './bench-gateway/memory.mjs';
import { startLitellm, startPortkey } from './bench-gateway/peers.mjs';
import { cpuMs, rssMib, runNode, startNode } from './bench-gateway/process.mjs';
import { ratios, table } from './bench-gateway/report.mjs';

const HERE = join(dirname(fileURLToPath(import.meta.url)), 'bench-gateway');
const DIR = join(HERE, '..', '..', '.leash', 'bench');
const KEY = 'sk-bench-0123456789abcdef';
const NAMES = ['direct', 'floor', 'leash', 'portkey', 'litellm'];

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    only: { type: 'string', default: NAMES.join(',') },
    memory: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const names = values.only.split(',').filter((name) => NAMES.includes(name));

const messages = [{ role: 'user', content: 'Say something that is as long as a short question would be.' }];
const plain = { model: 'bench', messages, max_tokens: 64 };
const paced = { ...plain, stream: true, max_tokens: 100, seed: 5 };
const ROUNDS = [
  { name: 'plain, 1', connections: 1, body: plain },
  { name: 'plain, 32', connections: 32, body: plain },
  { name: 'plain, 128', connections: 128, body: plain },
  { name: 'stream, 32', connections: 32, body: { ...plain, stream: true, max_tokens: 200, seed: 0 } },
  // As clients come, at moments of their own; then all within one millisecond, where each waits for those before it.
  { name: 'paced, 32', connections: 32, body: paced, spreadMs: 520 },
  { name: 'at once, 32', connections: 32, body: paced },
];

mkdirSync(DIR, { recursive: true });
const upstream = await startNode(join(HERE, 'upstream.mjs'));
const order = { dir: DIR, upstreamPort: upstream.port, key: KEY };
const bearer = { authorization: `Bearer ${KEY}` };
const STARTS = {
  direct: async () => ({ ...upstream, headers: bearer, stop: async () => undefined }),
  floor: async () => ({
    ...(await startNode(join(HERE, 'floor.mjs'), [upstream.port, KEY])),
    headers: bearer,
  }),
  leash: async (flags = []) => {
    const started = await startNode(join(HERE, 'leash.mjs'), [upstream.port, KEY], { flags });
    return { ...started, headers: { authorization: `Bearer ${started.token}` } };
  },
  portkey: () => startPortkey(order),
  litellm: () => startLitellm(order),
};

const measured = {};
try {
  for (const name of names) measured[name] = await measure(name);
  process.stdout.write(
    `\n${availableParallelism()} cores, Node ${process.version}, ${seconds} s a round\n\n`,
  );
  process.stdout.write(`${table(measured, ROUNDS)}\n${ratios(measured)}\n`);
  if (values.memory) await memoryTest({ start: STARTS.leash, plain, load: join(HERE, 'load.mjs') });
  if (values.json) writeFileSync(values.json, `${JSON.stringify(measured, null, 2)}\n`);
} finally {
  await upstream.stop();
}

async function measure(name) {
  const one = await STARTS[name]();
  try {
    await load(one, { ...ROUNDS[1], seconds: Math.min(2, seconds) }); // warmed up
    const rounds = {};
    for (const round of ROUNDS) {
      const beforeMs = cpuMs(one.pid);
      const result = await load(one, { ...round, seconds });
      const spentMs = cpuMs(one.pid) - beforeMs;
      rounds[round.name] = { ...result, cpuMs: spentMs / result.requests, rssMib: rssMib(one.pid) };
      const { perSecond, p50Ms, errors } = result;
      process.stderr.write(
        `${name}: ${round.name}: ${perSecond.toFixed(0)}/s, p50 ${p50Ms?.toFixed(2)} ms, ${errors} errors\n`,
      );
    }
    return rounds;
  } finally {
    await one.stop();
  }
}

function load({ port, headers }, { connections, body, seconds, spreadMs }) {
  const given = { port, headers, body, connections, seconds, spreadMs };
  return runNode(join(HERE, 'load.mjs'), [JSON.stringify(given)]);
}

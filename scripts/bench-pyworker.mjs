/**
 * Our PyWorker beside the official one, in front of one model server and with signed requests: requests a second,
 * latency, processor time and memory of the worker's process. Rounds take turns, so that what else the machine does
 * falls on both. `--seconds N` a round (5), `--rounds N` (3), `--concurrency 1,32,256`, `--memory` for a hundred
 * thousand requests as well, `--json FILE`.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startEngine } from '../test/pyworker-conformance/engine.ts';
import { startWorker } from '../test/pyworker-conformance/workers.ts';
import { installOfficialCli } from '../test/simulator/official-cli.ts';
import { quantile } from './bench/numbers.mjs';
import { cpuMs, rssMib, runNode, startNode } from './bench-gateway/process.mjs';
import { goals, memoryLine, table } from './bench-pyworker/report.mjs';

const HERE = join(fileURLToPath(new URL('.', import.meta.url)), 'bench-pyworker');
const PROGRAMS = { official: 'official_worker.py', ours: 'our-worker.mjs' };

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    concurrency: { type: 'string', default: '1,32,256' },
    memory: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const concurrencies = values.concurrency.split(',').map(Number);

await installOfficialCli();
await using engine = await startEngine();
const model = await startNode(join(HERE, 'model.mjs'));
/** Every request has numbers of its own. */
let firstNumber = 0;

try {
  const official = await start('official', 1);
  const ours = await start('ours', 2);
  const workers = { official, ours };
  try {
    const measured = await measureInTurn(workers);
    const memory = values.memory ? await memoryOver(ours) : null;
    say(
      `\n${availableParallelism()} cores, Node ${process.version}, ${values.rounds} rounds of ${seconds} s\n`,
    );
    say(table(measured));
    say(`\n${goals(measured)}`);
    if (memory !== null) say(`\n${memoryLine(memory)}`);
    if (values.json) writeFileSync(values.json, `${JSON.stringify({ measured, memory }, null, 2)}\n`);
  } finally {
    for (const worker of Object.values(workers)) await worker[Symbol.asyncDispose]();
  }
} finally {
  await model.stop();
}

function start(kind, id) {
  return startWorker({ kind, id, engine, modelPort: model.port, program: join(HERE, PROGRAMS[kind]) });
}

/** The median round of each worker at each concurrency. */
async function measureInTurn(workers) {
  for (const worker of Object.values(workers)) await load(worker, { connections: 8, seconds: 2 }); // warmed up
  const rounds = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const connections of concurrencies) {
      // Who comes first changes with every round.
      const turn = Object.entries(workers);
      for (const [name, worker] of round % 2 === 0 ? turn : turn.reverse()) {
        const one = { name, connections, ...(await measure(worker, connections)) };
        rounds.push(one);
        process.stderr.write(
          `${name}, ${connections} at once: ${one.perSecond.toFixed(0)}/s, p99 ${one.p99Ms?.toFixed(1)} ms, ${one.cpuMs.toFixed(3)} ms CPU, ${one.errors} errors\n`,
        );
      }
    }
  }
  return concurrencies.flatMap((connections) =>
    Object.keys(workers).map((name) =>
      medianOf(rounds.filter((each) => each.name === name && each.connections === connections)),
    ),
  );
}

async function measure(worker, connections) {
  const beforeMs = cpuMs(worker.pid);
  const result = await load(worker, { connections, seconds });
  const spentMs = cpuMs(worker.pid) - beforeMs;
  return { ...result, cpuMs: spentMs / result.requests, rssMib: rssMib(worker.pid) };
}

function medianOf(rounds) {
  const [{ name, connections }] = rounds;
  const middle = (figure) =>
    quantile(
      rounds.map((each) => each[figure]),
      0.5,
    );
  return {
    name,
    connections,
    perSecond: middle('perSecond'),
    p50Ms: middle('p50Ms'),
    p99Ms: middle('p99Ms'),
    cpuMs: middle('cpuMs'),
    rssMib: middle('rssMib'),
    errors: rounds.reduce((total, { errors }) => total + errors, 0),
  };
}

/** MiB after each of ten times ten thousand requests. */
async function memoryOver(worker) {
  const sizes = [rssMib(worker.pid)];
  for (let part = 0; part < 10; part++) {
    await load(worker, { connections: 32, seconds: 600, requests: 10_000 });
    sizes.push(rssMib(worker.pid));
  }
  return sizes;
}

async function load({ port, id }, order) {
  const { url } = engine.book(id).reports.at(-1);
  const signed = { port, url, signature: engine.sign(url), firstNumber, ...order };
  const result = await runNode(join(HERE, 'load.mjs'), [JSON.stringify(signed)]);
  firstNumber += result.requests + result.errors;
  return result;
}

function say(line) {
  process.stdout.write(`${line}\n`);
}

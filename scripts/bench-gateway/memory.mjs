import { rssMib, runNode } from './process.mjs';

/** Whether memory stays where it is: over a hundred thousand requests, and with five hundred slow readers of streams. */
export async function memoryTest({ start, plain, load }) {
  const one = await start(['--expose-gc']);
  const ask = (order) =>
    runNode(load, [JSON.stringify({ port: one.port, headers: one.headers, seconds: 600, ...order })]);
  /** What stays: with gigabytes free, V8 lets garbage lie. */
  const collected = async () => {
    process.kill(one.pid, 'SIGUSR2');
    // It answers again once that is done.
    await fetch(`http://127.0.0.1:${one.port}/healthz`).then((answer) => answer.text());
    return rssMib(one.pid);
  };
  try {
    const sizes = [];
    for (let part = 0; part < 10; part++) {
      await ask({ body: plain, connections: 32, requests: 10_000 });
      sizes.push(await collected());
    }
    say(
      `memory after each of ten times 10,000 requests and a collection, MiB: ${sizes.map(Math.round).join(' ')}`,
    );
    const before = await collected();
    // Some 7 MB a stream: without back-pressure that would be 3.5 GB.
    const body = { ...plain, stream: true, max_tokens: 40_000, seed: 0 };
    let highest = before;
    const look = setInterval(() => {
      highest = Math.max(highest, rssMib(one.pid));
    }, 200);
    const slow = await ask({ body, connections: 500, requests: 500, readDelayMs: 20 });
    clearInterval(look);
    say(
      `memory with 500 slow readers, MiB: ${Math.round(before)} before, ${Math.round(highest)} at most, ${slow.requests} streams whole, ${slow.errors} errors`,
    );
  } finally {
    await one.stop();
  }
}

function say(line) {
  process.stdout.write(`${line}\n`);
}

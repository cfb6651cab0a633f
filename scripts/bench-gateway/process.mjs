import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** A process of the benchmark; those that print a port as JSON are waited for. */
export async function startNode(script, args = [], options = {}) {
  const child = spawn(process.execPath, [...(options.flags ?? []), script, ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: options.env ?? process.env,
  });
  const line = await firstLine(child);
  return { ...JSON.parse(line), pid: child.pid, stop: () => stop(child) };
}

/** A program that is told its port, and waited for until it answers there. */
export async function startProgram(command, args, { env, cwd, port, path = '/' }) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], env, cwd });
  let said = '';
  child.stderr.on('data', (bytes) => {
    said = (said + bytes).slice(-2_000);
  });
  const deadline = Date.now() + 120_000;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${command} ended: ${said}`);
    if (Date.now() > deadline) {
      await stop(child);
      throw new Error(`${command} does not answer: ${said}`);
    }
    const answer = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => null);
    if (answer !== null) {
      await answer.text();
      return { pid: child.pid, port, stop: () => stop(child) };
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** What a child prints when it is done, as JSON. */
export function runNode(script, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', (bytes) => {
      out += bytes;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(out));
      else reject(new Error(`${script} ended with ${code}`));
    });
  });
}

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Milliseconds of processor time that a process and its children have used so far. */
export function cpuMs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  // utime and stime, in ticks of a hundredth of a second.
  const own = (Number(fields[11]) + Number(fields[12])) * 10;
  return childrenOf(pid).reduce((sum, child) => sum + cpuMs(child), own);
}

/** MiB in memory now. */
export function rssMib(pid) {
  const own = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024;
  return childrenOf(pid).reduce((sum, child) => sum + rssMib(child), own);
}

function childrenOf(pid) {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

function firstLine(child) {
  return new Promise((resolve, reject) => {
    let out = '';
    child.stdout.on('data', (bytes) => {
      out += bytes;
      const line = out.split('\n').find((each) => each.includes('"port"'));
      if (line !== undefined) resolve(line);
    });
    child.on('close', (code) => reject(new Error(`It ended with ${code} before it listened`)));
  });
}

function stop(child) {
  if (child.exitCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.on('close', resolve);
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), 5_000).unref();
  });
}

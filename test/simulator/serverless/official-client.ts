import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PYTHON } from '../official-cli.ts';
import type { Json } from '../renter.ts';

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('official-client.py', import.meta.url));

/** Vast.ai's own Python client, as published, against an engine of our choice. */
export function anOfficialClient(engineUrl: string, key: string) {
  const call = async (name: string, kind: string, route = '', payload: unknown = {}): Promise<Json> => {
    const words = [SCRIPT, engineUrl, name, kind, route, JSON.stringify(payload)];
    const env = { PATH: process.env.PATH ?? '', VAST_API_KEY: key };
    const { stdout } = await run(PYTHON, words, { env, timeout: 90_000 });
    return JSON.parse(stdout);
  };
  return {
    request: (name: string, route: string, payload: unknown) => call(name, 'request', route, payload),
    stream: (name: string, route: string, payload: unknown) => call(name, 'stream', route, payload),
    workers: (name: string) => call(name, 'workers'),
  };
}

/** The peers, each in a folder of its own below .leash/bench, installed there when they are missing. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, startProgram } from './process.mjs';

const PORTKEY = '@portkey-ai/gateway';
const PORTKEY_VERSION = '1.15.2';
/**
 * Newer ones, which it allows, hand it the upstream's headers to write to, and those cannot be written to: on Node
 * 24 every stream of its then ends in a 500.
 */
const PORTKEY_OVERRIDES = { '@hono/node-server': '1.13.8' };
/** Two releases of it, 1.82.7 and 1.82.8, were compromised: never another one than this. */
const LITELLM = 'litellm[proxy]==1.106.2';

export async function startPortkey({ dir, upstreamPort, key }) {
  const home = join(dir, `portkey-${PORTKEY_VERSION}`);
  const script = join(home, 'node_modules', PORTKEY, 'build', 'start-server.js');
  if (!existsSync(script)) {
    mkdirSync(home, { recursive: true });
    writeFileSync(
      join(home, 'package.json'),
      `${JSON.stringify({ private: true, overrides: PORTKEY_OVERRIDES })}\n`,
    );
    const wanted = `${PORTKEY}@${PORTKEY_VERSION}`;
    run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', wanted], { cwd: home });
  }
  const port = await freePort();
  const program = await startProgram(process.execPath, [script, `--port=${port}`, '--headless'], {
    env: { PATH: process.env.PATH, NODE_ENV: 'production' },
    cwd: home,
    port,
  });
  return {
    ...program,
    headers: {
      authorization: `Bearer ${key}`,
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': `http://127.0.0.1:${upstreamPort}/v1`,
    },
  };
}

export async function startLitellm({ dir, upstreamPort, key }) {
  const home = join(dir, 'litellm');
  const program = join(home, 'bin', 'litellm');
  if (!existsSync(program)) {
    run('python3', ['-m', 'venv', home]);
    run(join(home, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', LITELLM]);
  }
  const config = join(home, 'bench.yaml');
  writeFileSync(
    config,
    `model_list:
  - model_name: bench
    litellm_params: { model: openai/bench, api_base: "http://127.0.0.1:${upstreamPort}/v1", api_key: none }
general_settings: { master_key: ${key} }
litellm_settings: { telemetry: false }
`,
  );
  const port = await freePort();
  const started = await startProgram(
    program,
    ['--config', config, '--host', '127.0.0.1', '--port', String(port), '--num_workers', '1'],
    // Empty but for what a process needs to run: nothing of ours is there to be taken.
    {
      env: { PATH: '/usr/bin:/bin', HOME: home, LITELLM_LOCAL_MODEL_COST_MAP: 'True' },
      cwd: home,
      port,
      path: '/health/liveliness',
    },
  );
  return { ...started, headers: { authorization: `Bearer ${key}` } };
}

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (status !== 0) throw new Error(`${command} ${args[0]} failed: ${error?.message ?? `status ${status}`}`);
}

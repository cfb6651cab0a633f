import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findServeCommand } from '../../src/simulator/serving/command-line.ts';
import {
  composeLaunch,
  ENVIRONMENT_BYTES_MAX,
  type Launch,
  type LaunchOptions,
  ONSTART_BYTES_MAX,
} from '../../src/vllm/launch-script.ts';
import { runBash, splitWords } from './bash.ts';

const LABEL = 'leash.abcdefghij.default.0123456789.1.x1800000000';
const TLS = { certificatePem: 'certificate\nPEM\n', keyPem: 'key\nPEM\n' };

let container: string;
beforeEach(async () => {
  container = await mkdtemp(join(tmpdir(), 'leash-container-'));
  await mkdir(join(container, 'bin'));
});
afterEach(() => rm(container, { recursive: true }));

test('the container serves the model under its name, on every address and port 8000', async () => {
  await installProgram('vllm');
  expect(await runOnstart(aLaunch({ modelToLoad: 'org/model-awq', servedName: 'org/model' }))).toEqual([
    'serve',
    'org/model-awq',
    '--served-model-name',
    'org/model',
    '--host',
    '0.0.0.0',
    '--port',
    '8000',
  ]);
});

test('a host that maps no ports of its own says where to listen', async () => {
  await installProgram('vllm');
  const words = await runOnstart(aLaunch(), { LEASH_LISTEN_HOST: '127.0.0.1', LEASH_LISTEN_PORT: '18001' });
  expect(words).toEqual(expect.arrayContaining(['--host', '127.0.0.1', '--port', '18001']));
});

test('arguments reach the server whatever is in them', async () => {
  await installProgram('vllm');
  const text = fc.string({ unit: 'binary' }).filter((any) => !any.includes('\0') && !any.startsWith('-'));
  await fc.assert(
    fc.asyncProperty(fc.array(text, { maxLength: 6 }), async (vllmArgs) => {
      const words = await runOnstart(aLaunch({ vllmArgs }));
      expect(words.slice(8)).toEqual(vllmArgs);
    }),
    { numRuns: 25 },
  );
});

test('an image that has vLLM as a module only serves too', async () => {
  await installProgram('python3');
  const words = await runOnstart(aLaunch({ modelToLoad: 'org/model', vllmArgs: ['--enforce-eager'] }));
  expect(words.slice(0, 4)).toEqual(['-m', 'vllm.entrypoints.openai.api_server', '--model', 'org/model']);
  expect(words.at(-1)).toBe('--enforce-eager');
});

test('the server takes the place of the shell, and its end is the end of the script', async () => {
  await installProgram('vllm', 'echo "$PPID $$"; echo failed >&2; exit 3');
  const { onstart, environment } = aLaunch();
  const script = `bash -c "$ONSTART" & wait $!; echo "$? $!"`;
  const output = await runBash(script, { ...inContainer(environment), ONSTART: onstart });
  const [, server, code, shell] = output.split(/\s+/);
  expect({ server, code }).toEqual({ server: shell, code: '3' });
});

describe('secrets', () => {
  test('key, token and certificate travel in the environment, never in the script', () => {
    const { onstart, environment } = aLaunch({ apiKey: 'sk-leash-secret', hfToken: 'hf_secret', tls: TLS });
    expect(environment).toMatchObject({ VLLM_API_KEY: 'sk-leash-secret', HF_TOKEN: 'hf_secret' });
    for (const secret of ['sk-leash-secret', 'hf_secret', environment.LEASH_TLS_KEY_B64 ?? 'missing']) {
      expect(onstart).not.toContain(secret);
    }
  });

  test('the label is in the environment, where nobody can change it', () => {
    expect(aLaunch().environment).toEqual({ VLLM_API_KEY: 'key', LEASH_LABEL: LABEL });
  });

  test('with TLS the server gets certificate and key in files that only it can read', async () => {
    await installProgram(
      'vllm',
      `printf '%s\\0' "$@"; env | grep -c LEASH_TLS_ > ${join(container, 'left')} || true`,
    );
    const words = await runOnstart(aLaunch({ tls: TLS }));
    const certificateFile = words[words.indexOf('--ssl-certfile') + 1] ?? '';
    const keyFile = words[words.indexOf('--ssl-keyfile') + 1] ?? '';
    expect(await readFile(certificateFile, 'utf8')).toBe(TLS.certificatePem);
    expect(await readFile(keyFile, 'utf8')).toBe(TLS.keyPem);
    expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
    expect((await stat(certificateFile)).mode & 0o777).toBe(0o600);
    expect(await readFile(join(container, 'left'), 'utf8')).toBe('0\n');
  });

  test('files that vLLM makes keep the mask the container gave it', async () => {
    await installProgram('vllm', 'umask');
    const { onstart, environment } = aLaunch({ tls: TLS });
    expect(await runBash(`umask 022; ${onstart}`, inContainer(environment))).toBe('0022\n');
  });
});

test('a container that starts again serves again', async () => {
  await installProgram('vllm');
  const launch = aLaunch({ tls: TLS });
  const first = await runOnstart(launch);
  const second = await runOnstart(launch);
  expect(second.slice(0, 4)).toEqual(first.slice(0, 4));
});

describe("the market's bounds", () => {
  const manyArgs = Array.from({ length: 500 }, (_, n) => `--override=${n}-it's`);

  test('a script that is too long travels compressed and starts the same server', async () => {
    await installProgram('vllm');
    const launch = aLaunch({ vllmArgs: manyArgs });
    expect(Buffer.byteLength(launch.onstart)).toBeLessThanOrEqual(ONSTART_BYTES_MAX);
    expect(launch.onstart).toContain('vllm serve');
    expect((await runOnstart(launch)).slice(8)).toEqual(manyArgs);
  });

  test('what cannot be made to fit is refused, with both numbers', () => {
    const incompressible = Array.from({ length: 3_000 }, (_, n) => `${Math.sin(n)}${Math.cos(n)}`);
    expect(() => aLaunch({ vllmArgs: incompressible })).toThrow(`of ${ENVIRONMENT_BYTES_MAX}`);
  });
});

test('a flag that is ours to set is never passed on', () => {
  expect(() => aLaunch({ vllmArgs: ['--api_key=stranger'] })).toThrow('--api-key');
});

test("the simulated market's own reader of scripts finds the server in it", () => {
  for (const vllmArgs of [
    ['--max-model-len', '512'],
    ['--max-model-len', '512', '--seed', '1'.repeat(5_000)],
  ]) {
    const launch = aLaunch({ vllmArgs, tls: TLS });
    const reading = findServeCommand({ image: 'vllm/vllm-openai', args: [], ...launch });
    expect(reading).toMatchObject({
      kind: 'serve',
      command: {
        model: 'org/model',
        servedModelNames: ['name'],
        port: 8000,
        apiKeys: ['key'],
        maxModelLen: 512,
      },
    });
  }
});

function aLaunch(set: Partial<LaunchOptions> = {}): Launch {
  return composeLaunch({
    servedName: 'name',
    modelToLoad: 'org/model',
    vllmArgs: [],
    apiKey: 'key',
    label: LABEL,
    ...set,
  });
}

/** A stand-in on the container's PATH; by itself it prints its arguments with a zero behind each. */
async function installProgram(name: string, body = `printf '%s\\0' "$@"`): Promise<void> {
  const file = join(container, 'bin', name);
  await writeFile(file, `#!/bin/bash\n${body}\n`);
  await chmod(file, 0o755);
}

async function runOnstart(
  { onstart, environment }: Launch,
  more: Record<string, string> = {},
): Promise<string[]> {
  return splitWords(await runBash(onstart, { ...inContainer(environment), ...more }));
}

/** The stand-ins come first, so that the machine's own python3 is not what answers. */
function inContainer(environment: Readonly<Record<string, string>>): Record<string, string> {
  return { ...environment, PATH: `${join(container, 'bin')}:/usr/bin:/bin`, TMPDIR: container };
}

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the braces are the shell's
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import {
  findServeCommand,
  type ServeCommand,
  type ServeReading,
} from '../../../src/simulator/serving/command-line.ts';

function read(onstart: string, environment: Record<string, string> = {}): ServeReading | null {
  return findServeCommand({ image: 'vllm/vllm-openai:v0.16.0', onstart, args: [], environment });
}

function command(onstart: string, environment: Record<string, string> = {}): ServeCommand {
  const reading = read(onstart, environment);
  if (reading?.kind !== 'serve') throw new Error(`No command was read: ${JSON.stringify(reading)}`);
  return reading.command;
}

function readArgs(args: string[], image = 'vllm/vllm-openai:v0.16.0'): ServeReading | null {
  return findServeCommand({ image, onstart: null, args, environment: {} });
}

test('a start script with quotes, continued lines and defaults is understood', () => {
  const script = `#!/bin/bash
# vllm serve not-this-one
set -e
echo "about to vllm serve something"
export PORT=9000
mkdir -p "$HOME/x" && cat > /etc/guard.sh <<'GUARD'
vllm serve nor-this-one --port 1
GUARD
nohup bash /etc/guard.sh >/dev/null 2>&1 &
VLLM_USE_V1=1 exec vllm serve "$LEASH_MODEL" --port "\${LEASH_LISTEN_PORT:-8000}" \\
  --served-model-name default 'my model' --api-key="$KEY" \\
  --max-model-len 4k --gpu-memory-utilization 0.9 $EXTRA 2>&1 | tee /var/log/vllm.log
`;
  expect(
    command(script, {
      LEASH_MODEL: 'Qwen/Qwen3-8B',
      KEY: 's3 cret',
      EXTRA: '--enforce-eager --max-num-seqs 8',
    }),
  ).toEqual({
    model: 'Qwen/Qwen3-8B',
    servedModelNames: ['default', 'my model'],
    host: null,
    port: 8000,
    apiKeys: ['s3 cret'],
    maxModelLen: 4000,
    maxNumSeqs: 8,
    runner: 'generate',
    tls: null,
    flags: expect.objectContaining({ 'enforce-eager': true, 'gpu-memory-utilization': '0.9' }),
  });
});

test.each([
  ['an exported variable', 'export P=8123\nvllm serve m --port $P'],
  ['an assignment', 'P=8123; vllm serve m --port ${P}'],
  ['a default that is assigned', ': "${P:=8123}"\nvllm serve m --port "$P"'],
  ['an array', 'args=(serve m --port 8123)\nvllm "${args[@]}"'],
  ['an array that grows', 'args=(m)\nargs+=(--port 8123)\nexec vllm serve "${args[@]}"'],
  ['positional parameters', 'set -- m --port 8123\nexec vllm serve "$@"'],
  ['an alternative with words of its own', 'A=1\nvllm serve m ${A:+--port "8123"}'],
  ['a nested default', 'vllm serve m --port ${A:-${B:-8123}}'],
  ['a loop', 'while true; do vllm serve m --port 8123; sleep 5; done'],
  ['a function', 'start() { vllm serve m --port 8123 & }\nstart'],
  ['a subshell', '( cd /tmp && vllm serve m --port 8123 )'],
  ['a path', '/opt/venv/bin/vllm serve m --port 8123 >> /var/log/x 2>&1 < /dev/null'],
  ['bash -c', `bash -lc 'exec vllm serve m --port 8123'`],
  ['the module form', 'python3 -m vllm.entrypoints.openai.api_server --model m --port 8123'],
])('the port is found through %s', (_case, script) => {
  expect(command(script)).toMatchObject({ model: 'm', port: 8123 });
});

test('a script packed into a variable is unpacked', () => {
  const packed = gzipSync('exec vllm serve m --port 8123').toString('base64');
  expect(command('echo "$PACKED" | base64 -d | gunzip | bash', { PACKED: packed })).toMatchObject({
    port: 8123,
  });
});

test('the key comes from the flag, else from VLLM_API_KEY', () => {
  expect(command('vllm serve m', { VLLM_API_KEY: 'from-env' }).apiKeys).toEqual(['from-env']);
  expect(command('vllm serve m --api-key given', { VLLM_API_KEY: 'from-env' }).apiKeys).toEqual(['given']);
  expect(command('VLLM_API_KEY=inline vllm serve m').apiKeys).toEqual(['inline']);
  expect(command('vllm serve m').apiKeys).toEqual([]);
});

test('certificate, key and authority are read', () => {
  const flags = '--ssl-keyfile /k.pem --ssl-certfile /c.pem --ssl-ca-certs /ca.pem --ssl-cert-reqs 2';
  expect(command(`vllm serve m ${flags}`).tls).toEqual({
    keyFile: '/k.pem',
    certFile: '/c.pem',
    caFile: '/ca.pem',
    requiresClientCertificate: true,
  });
});

test('an embedding model runs as a pooling model', () => {
  expect(command('vllm serve BAAI/bge-m3').runner).toBe('pooling');
  expect(command('vllm serve m --runner pooling').runner).toBe('pooling');
  expect(command('vllm serve Qwen/Qwen3-8B').runner).toBe('generate');
});

test('container arguments are the arguments of the server, or a whole command', () => {
  expect(readArgs(['--model', 'm', '--port', '8123'])).toMatchObject({ command: { model: 'm', port: 8123 } });
  expect(readArgs(['m', '--port', '8123'])).toMatchObject({ command: { model: 'm', port: 8123 } });
  expect(readArgs(['vllm', 'serve', 'm'], 'some/image')).toMatchObject({
    command: { model: 'm', port: 8000 },
  });
  expect(readArgs(['bash', '-c', 'vllm serve m'], 'some/image')).toMatchObject({ command: { model: 'm' } });
});

test('a container without vLLM starts none', () => {
  expect(read('jupyter lab --port 8080')).toBeNull();
  expect(read('echo vllm serve m')).toBeNull();
  expect(readArgs([], 'pytorch/pytorch')).toBeNull();
});

test('a flag vLLM does not have is refused with the words of its parser', () => {
  expect(read('vllm serve m --turbo 9 --max-model-len 512 --port 8000')).toEqual({
    kind: 'refused',
    lines: [expect.stringMatching(/^usage: vllm /), 'vllm: error: unrecognized arguments: --turbo 9'],
  });
  expect(read('python3 -m vllm.entrypoints.openai.api_server --model m --turbo')).toMatchObject({
    lines: [expect.any(String), 'api_server.py: error: unrecognized arguments: --turbo'],
  });
  expect(read('vllm serve m --port')).toMatchObject({
    lines: [expect.any(String), 'vllm: error: argument --port: expected one argument'],
  });
});

test.each([
  '-tp 2 -q awq --no-enable-prefix-caching --max_model_len 512 --max-model-len -1',
  '--dtype float32 --load-format dummy --enforce-eager --kv-cache-dtype fp8 --quantization awq_marlin',
  '--enable-auto-tool-choice --tool-call-parser hermes --reasoning-parser qwen3 --trust-remote-code',
  '--compilation-config.mode 3 --limit-mm-per-prompt.image 2 -O3 --hf-overrides {"a":1}',
  '--enable-prefix-caching --disable-log-requests --swap-space 4 --seed 1 --tensor-parallel-size 2',
])('flags of vLLM 0.16 are accepted: %s', (flags) => {
  expect(read(`vllm serve m ${flags}`)).toMatchObject({ kind: 'serve', command: { model: 'm' } });
});

import { expect, test } from 'vitest';
import {
  bootTimeout,
  classifyInstanceState,
  classifyMarketError,
  classifyStatusMessage,
  classifyVllmLog,
  contractMismatch,
  FAILURE_KINDS,
  type FailureKind,
  failureOf,
  portMissing,
  portUnreachable,
  settleBlame,
  startupTimeout,
  toAttemptFailure,
  vllmTimeout,
} from '../../src/domain/failure.ts';
import type { Instance } from '../../src/domain/instance.ts';
import { MARKET_ERROR_KINDS } from '../../src/domain/market.ts';
import { anInstance } from '../support/builders.ts';

test.each([
  null,
  '',
  'Successfully loaded vllm/vllm-openai:v0.16.0',
  'success, running vllm/vllm-openai_v0.16.0/ssh',
  'success, running acme/internal_error-demo/ssh',
  'Waiting for template update',
  'Secrets fetch in progress',
  'Pulling from vllm/vllm-openai',
  'something failed that nobody has seen before',
])('"%s" is no reason to give up before the deadline', (text) => {
  expect(classifyStatusMessage(text)).toBeNull();
});

const HEALTHY_LOG =
  `INFO non-default args: {'model': 'Qwen/Qwen2.5-7B-Instruct', 'api_key': ['sk-very-secret']}
INFO Resolved architecture: Qwen2ForCausalLM
INFO Using max model len 32768
INFO Initializing a V1 LLM engine (v0.16.0) with config: model='Qwen/Qwen2.5-7B-Instruct', trust_remote_code=False, quantization=None
INFO Starting to load model Qwen/Qwen2.5-7B-Instruct...
WARNING Casting torch.bfloat16 to torch.float16.
INFO Loading weights took 4.20 seconds
INFO Model loading took 14.27 GiB memory
INFO Available KV cache memory: 5.63 GiB
INFO GPU KV cache size: 103,184 tokens
INFO init engine (profile, create kv cache, warmup model) took 30.1 seconds
INFO Starting vLLM API server 0 on http://0.0.0.0:8000
INFO 127.0.0.1:5000 - "GET /v1/models HTTP/1.1" 401 Unauthorized
INFO Application startup complete.`.split('\n');

test('a healthy log, warnings and refused strangers included, is no failure', () => {
  expect(classifyVllmLog(HEALTHY_LOG)).toBeNull();
  expect(classifyVllmLog([])).toBeNull();
});

test('the cause wins over the death it led to, wherever each is logged', () => {
  const death = 'RuntimeError: Engine core initialization failed. See root cause above.';
  const cause = 'torch.OutOfMemoryError: CUDA out of memory.';
  expect(classifyVllmLog([cause, death])?.kind).toBe('gpu-memory');
  expect(classifyVllmLog([death, cause])?.kind).toBe('gpu-memory');
});

test.each(FAILURE_KINDS)('%s: whose it is decides what follows, and its message is a sentence', (kind) => {
  const { whose, stop, blockMachineMs, message } = failureOf(kind);
  expect(stop).toBe(whose === 'caller' || whose === 'account');
  expect(blockMachineMs > 0).toBe(whose === 'host');
  expect(message).toMatch(/^([A-Z]|vLLM).+\.$/);
});

test.each<[string, Partial<Instance>, FailureKind]>([
  ['ended by itself', { actualStatus: 'exited' }, 'exited'],
  ['stopped though it should run', { actualStatus: 'stopped' }, 'exited'],
  ['is on a machine that went offline', { actualStatus: 'offline' }, 'host-offline'],
  ['has lost its heartbeat', { actualStatus: 'unknown' }, 'host-offline'],
  [
    'was stopped by somebody else',
    { actualStatus: 'exited', intendedStatus: 'stopped' },
    'stopped-by-provider',
  ],
  ['still runs while it is being stopped', { intendedStatus: 'stopped' }, 'stopped-by-provider'],
  [
    'was given up while loading',
    { actualStatus: 'loading', intendedStatus: 'stopped', statusMessage: null },
    'gave-up-loading',
  ],
  ['was outbid', { actualStatus: 'exited', intendedStatus: 'stopped', isBid: true }, 'outbid'],
  ['is shown as destroyed', { actualStatus: 'destroyed' }, 'vanished'],
  [
    'cannot be given a GPU',
    {
      actualStatus: 'created',
      statusMessage: 'failed to inject CDI devices: unresolvable CDI devices D.1/gpu=0',
    },
    'cdi-error',
  ],
  [
    'was given up over its image',
    { actualStatus: 'loading', intendedStatus: 'stopped', statusMessage: 'pull access denied for acme/own' },
    'image-denied',
  ],
])('an instance that %s has failed', (_, set, kind) => {
  expect(classifyInstanceState(anInstance(set))?.kind).toBe(kind);
});

test.each<[string, Partial<Instance>]>([
  ['runs', {}],
  [
    'runs, though an old message speaks of an error',
    { statusMessage: 'GPU error, unable to start instance' },
  ],
  ['was not heard of yet', { actualStatus: null, statusMessage: null }],
  ['is loading', { actualStatus: 'loading', statusMessage: null }],
  ['is created', { actualStatus: 'created', statusMessage: null }],
  ['reboots', { actualStatus: 'rebooting' }],
])('an instance that %s has not failed', (_, set) => {
  expect(classifyInstanceState(anInstance(set))).toBeNull();
});

test("a stop at the end of the listing blames nobody's machine", () => {
  const ended = anInstance({ actualStatus: 'exited', intendedStatus: 'stopped', endsAtMs: 1_000 });
  expect(classifyInstanceState(ended, 1_000)).toMatchObject({ kind: 'listing-ended', whose: 'market' });
  expect(classifyInstanceState(ended, 999)?.kind).toBe('stopped-by-provider');
});

test("what fails alike on a second machine is the caller's, and ends the launch", () => {
  const failure = failureOf('oci-error');
  expect(settleBlame(failure, ['port-missing'])).toBe(failure);
  expect(settleBlame(failure, ['oci-error'])).toMatchObject({
    kind: 'oci-error',
    whose: 'caller',
    stop: true,
    blockMachineMs: 0,
  });
});

test('a broken host stays a broken host, however many there are', () => {
  const failure = failureOf('cdi-error');
  expect(settleBlame(failure, ['cdi-error', 'cdi-error'])).toBe(failure);
});

test('every error of a call to the market has its failure', () => {
  for (const kind of MARKET_ERROR_KINDS) expect(classifyMarketError(kind, 'said').message).toContain('said');
  expect(classifyMarketError('auth')).toMatchObject({ whose: 'account', stop: true });
  expect(classifyMarketError('too-many')).toMatchObject({ whose: 'nobody', stop: false });
});

test('our own deadlines say how long was waited and what was seen last', () => {
  expect(bootTimeout({ deadlineMs: 300_000, statusMessage: 'Pulling fs layer' }).message).toContain(
    '5.0 minutes allowed, the machine last said: Pulling fs layer',
  );
  expect(vllmTimeout({ deadlineMs: 60_000, lastLogLine: null }).message).toContain('its log is empty');
  expect(startupTimeout({ maxStartupMs: 900_000, phase: 'booting' }).message).toContain(
    '15.0 minutes allowed, it was booting',
  );
  expect(portMissing(8000).message).toContain('container port 8000');
  expect(portUnreachable({ host: '203.0.113.7', port: 37_708, error: null }).message).toContain(
    '203.0.113.7:37708',
  );
  expect(contractMismatch({ field: 'price', offered: '$0.40/h', got: '$0.80/h' }).message).toContain(
    'offered $0.40/h, got $0.80/h',
  );
});

test('keys in a log do not get into messages, and long evidence is cut', () => {
  const [args = ''] = HEALTHY_LOG;
  const lines = [
    args,
    'vllm serve: --api-key sk-very-secret',
    'HF_TOKEN=hf_verySecret123',
    "{'api_key': 'sk-very-secret'}",
  ];
  for (const lastLogLine of lines) {
    expect(vllmTimeout({ deadlineMs: 1, lastLogLine }).message).toContain('[redacted]');
    expect(vllmTimeout({ deadlineMs: 1, lastLogLine }).message).not.toMatch(/secret/i);
  }
  expect(failureOf('exited', 'x'.repeat(5_000)).message.length).toBeLessThan(500);
});

test('an attempt shows kind, whose and message, and nothing else', () => {
  const failure = failureOf('no-credit');
  expect(toAttemptFailure(failure)).toEqual({
    kind: 'no-credit',
    whose: 'account',
    message: failure.message,
  });
});

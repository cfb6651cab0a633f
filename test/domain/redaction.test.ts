import { expect, test } from 'vitest';
import { redactSecrets } from '../../src/domain/redaction.ts';

test.each([
  ['HF_TOKEN=hf_abcdefghijklmnopqrstuv', 'hf_abcdefghijklmnopqrstuv'],
  ["args: Namespace(api_key=['sk-leash-0123456789abcdef'])", 'sk-leash-0123456789abcdef'],
  ["non-default args: {'api_key': ['my-own-key-123'], 'port': 8000}", 'my-own-key-123'],
  ['authorization: Bearer abcdefgh12345678', 'abcdefgh12345678'],
  ['vllm serve --api-key quite-short-x --port 8000', 'quite-short-x'],
  [
    'CONTAINER_API_KEY=1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c5b6a7988',
    '1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c5b6a7988',
  ],
])('a key in a log line is not shown: %s', (line, secret) => {
  expect(redactSecrets(line)).not.toContain(secret);
  expect(redactSecrets(line)).toContain('[redacted]');
});

test('a secret that is known by its value goes wherever it stands', () => {
  expect(redactSecrets('user and hunter22 again hunter22', ['hunter22', undefined])).toBe(
    'user and [redacted] again [redacted]',
  );
});

test.each([
  'INFO 03-01 12:00:00 [api_server.py:1] Starting vLLM API server 0 on http://0.0.0.0:8000',
  'Avg prompt throughput: 12.3 tokens/s, Running: 1 reqs, GPU KV cache usage: 0.1%',
  'max_model_len=32768, num_tokens: 4096, tokenizer=Qwen/Qwen2.5-7B-Instruct',
])('what is no key stays: %s', (line) => {
  expect(redactSecrets(line)).toBe(line);
});

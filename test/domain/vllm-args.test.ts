import { expect, test } from 'vitest';
import { refusedVllmArgs } from '../../src/domain/vllm-args.ts';

test.each([
  [['--api-key', 'x'], '--api-key'],
  [['--api-key=x'], '--api-key'],
  [['--api_key', 'x'], '--api-key'],
  [['--api-key.a', 'x'], '--api-key'],
  [[' --host=0.0.0.0'], '--host'],
  [['--host 0.0.0.0'], '--host'],
  [['--port', '1'], '--port'],
  [['--ssl-keyfile', 'k'], '--ssl-*'],
  [['--ssl_cert_reqs=0'], '--ssl-*'],
  [['--ssl-something-new'], '--ssl-*'],
  [['--config', 'f.yaml'], '--config'],
  [['--uds=/tmp/s'], '--uds'],
  [['--served_model_name', 'm'], '--served-model-name'],
  [['--root-path=/x'], '--root-path'],
  [['--middleware', 'm.py'], '--middleware'],
])('%j is refused as %s', (args, flag) => {
  expect(refusedVllmArgs(args)).toEqual([flag]);
});

test('a shortened flag is refused too, since vLLM would take it for the whole one', () => {
  expect(refusedVllmArgs(['--hos', 'x', '--served-model', 'y', '--api-k=z', '--middle=m'])).toEqual([
    '--host',
    '--served-model-name',
    '--api-key',
    '--middleware',
  ]);
});

test('a flag given twice is named once, and several in the order given', () => {
  expect(refusedVllmArgs(['--port', '1', '--api-key', 'x', '--port=2'])).toEqual(['--port', '--api-key']);
});

test('flags of the model and values that mention ours pass', () => {
  const args = [
    '--max-model-len',
    '8192',
    '--quantization=awq',
    '--api-server-count',
    '2',
    '--enforce-eager',
    '-O3',
  ];
  expect(
    refusedVllmArgs([...args, '--hf-overrides', '{"host":"--port"}', 'port', '--enable-ssl-refresh', '--']),
  ).toEqual([]);
});

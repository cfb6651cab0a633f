import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseMetrics, sumOf } from '../../src/vllm/metrics.ts';

const realPage = readFileSync(new URL('fixtures/metrics-vllm-0.16.txt', import.meta.url), 'utf8');

test('every sample of a real vLLM page is read', () => {
  const samples = parseMetrics(realPage);
  const lines = realPage.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(samples).toHaveLength(lines.length);
  expect(samples.every((sample) => Number.isFinite(sample.value))).toBe(true);
});

test('a counter is summed over its series, or over those with given labels', () => {
  const samples = parseMetrics(realPage);
  expect(sumOf(samples, 'vllm:request_success_total')).toBe(2);
  expect(sumOf(samples, 'http_requests_total', { handler: '/v1/models', status: '2xx' })).toBe(9);
  expect(sumOf(samples, 'http_requests_total', { handler: '/nowhere' })).toBeNull();
  expect(sumOf(samples, 'vllm:request')).toBeNull();
});

test('escapes in labels, infinities and not-a-number are read as the format says', () => {
  const page = [
    '# HELP odd "quoted" {not="a sample"} 1',
    'odd{path="C:\\\\dir\\n\\"x\\"",empty="",} +Inf',
    'odd{ a = "},{" , b="2" } -Inf 1395066363000',
    'odd NaN',
    'plain 1.5e-3 # {trace_id="x"} 0.1',
  ].join('\r\n');
  expect(parseMetrics(page)).toEqual([
    { name: 'odd', labels: { path: 'C:\\dir\n"x"', empty: '' }, value: Number.POSITIVE_INFINITY },
    { name: 'odd', labels: { a: '},{', b: '2' }, value: Number.NEGATIVE_INFINITY },
    { name: 'odd', labels: {}, value: Number.NaN },
    { name: 'plain', labels: {}, value: 0.0015 },
  ]);
});

test('a line that cannot be read does not hide the others', () => {
  const page = 'good 1\nbad{a="1" 2\nbad{a=1} 2\nbad two\nbad\n{} 3\n<html>\nbad 0x10\n  good{a="1"} 2 \n';
  expect(parseMetrics(page).map((sample) => [sample.name, sample.value])).toEqual([
    ['good', 1],
    ['good', 2],
  ]);
});

test('a label named like a property of every object is only a label', () => {
  const [sample] = parseMetrics('odd{__proto__="x",constructor="y"} 1');
  expect(Object.entries(sample?.labels ?? {})).toEqual([
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ]);
  expect(sumOf(parseMetrics('odd 1'), 'odd', { constructor: 'y' })).toBeNull();
});

test('no page makes the reader throw, and labels come back as they were written', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.double(), (text, value) => {
      parseMetrics(text);
      const escaped = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
      const written = Number.isNaN(value) ? 'NaN' : String(value).replace('Infinity', 'Inf');
      expect(parseMetrics(`m{l="${escaped}"} ${written}`)).toEqual([
        { name: 'm', labels: { l: text }, value: value === 0 ? Number(written) : value },
      ]);
    }),
  );
});

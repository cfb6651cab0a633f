import type { CostsAnswer } from './answers.ts';

/** The same figures as the JSON, one line for each sum and one for the total, as RFC 4180 has it. */
export function costsCsv(answer: CostsAnswer): string {
  const rows = [...answer.items, { key: 'total', ...answer.total }].map(
    ({ key, usd, use, forecast_usd, instances, standing }) => [
      ...[key, usd.gpu, usd.storage, usd.bandwidth, usd.tokens, usd.total, forecast_usd ?? ''],
      ...[instances, standing],
      ...[use?.requests ?? '', use?.failures ?? '', use?.prompt_tokens ?? '', use?.completion_tokens ?? ''],
      ...[use?.usd_per_request ?? '', use?.usd_per_million_tokens ?? ''],
    ],
  );
  return [[answer.by, ...COLUMNS], ...rows]
    .map((row) => `${row.map((value) => cell(value)).join(',')}\r\n`)
    .join('');
}

const COLUMNS = [
  ...['gpu_usd', 'storage_usd', 'bandwidth_usd', 'tokens_usd', 'total_usd', 'forecast_usd'],
  ...['instances', 'standing', 'requests', 'failures', 'prompt_tokens', 'completion_tokens'],
  ...['usd_per_request', 'usd_per_million_tokens'],
];

/** A text that a spreadsheet would take for a formula is marked as text. */
function cell(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

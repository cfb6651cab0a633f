import type { CostsAnswer } from './answers.ts';

/** The same figures as the JSON, one line for each sum and one for the total, as RFC 4180 has it. */
export function costsCsv(answer: CostsAnswer): string {
  const head = [answer.by, 'gpu_usd', 'storage_usd', 'bandwidth_usd', 'total_usd', 'forecast_usd'];
  const rows = [...answer.items, { key: 'total', ...answer.total }].map(
    ({ key, usd, forecast_usd, instances, standing }) => [
      ...[key, usd.gpu, usd.storage, usd.bandwidth, usd.total, forecast_usd ?? ''],
      ...[instances, standing],
    ],
  );
  return [[...head, 'instances', 'standing'], ...rows]
    .map((row) => `${row.map((value) => cell(value)).join(',')}\r\n`)
    .join('');
}

/** A text that a spreadsheet would take for a formula is marked as text. */
function cell(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

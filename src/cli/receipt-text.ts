import type { ReceiptAnswer } from '../admin/answers.ts';
import { colours } from './colours.ts';
import { type Column, facts, table } from './layout.ts';
import type { Look } from './status-text.ts';
import { clock, moment, plural, usd } from './text.ts';

/** A receipt: how the session ended, what it cost in parts, and each instance with the moment it was gone. */
export function receiptText(receipt: ReceiptAnswer, look: Look): string[] {
  const startedMs = Date.parse(receipt.started_at);
  const endedMs = Date.parse(receipt.ended_at);
  return [
    `${colours.bold(`Receipt of ${receipt.session}`)}  ${colours.dim(`run ${receipt.run}`)}`,
    ...facts(
      [
        ['outcome', outcomeText(receipt)],
        ['started', moment(receipt.started_at, look.nowMs)],
        [
          'READY',
          receipt.ready_at === null ? 'never' : `after ${clock(Date.parse(receipt.ready_at) - startedMs)}`,
        ],
        ['ended', `${moment(receipt.ended_at, look.nowMs)}, after ${clock(endedMs - startedMs)}`],
        [
          'cost',
          `${colours.bold(usd(receipt.usd.total))}: GPU ${usd(receipt.usd.gpu)}, disk ${usd(receipt.usd.storage)}, traffic ${usd(receipt.usd.bandwidth)}`,
        ],
        ...(receipt.forecast_usd === null ? [] : ([['forecast', usd(receipt.forecast_usd)]] as const)),
        ['provider says', providerText(receipt)],
        ['attempts', attemptsText(receipt)],
      ],
      look,
    ),
    ...instancesTable(receipt, look),
  ];
}

/** One line of it. */
export function receiptLine(receipt: ReceiptAnswer): string {
  return `${outcomeText(receipt)}, ${usd(receipt.usd.total)}, ${plural(receipt.instances.length, 'instance')} gone`;
}

function outcomeText(receipt: ReceiptAnswer): string {
  const text = `${receipt.outcome} (${receipt.reason})`;
  return receipt.outcome === 'completed' ? colours.green(text) : colours.red(text);
}

function providerText(receipt: ReceiptAnswer): string {
  if (receipt.provider_usd === null) return 'nothing yet; this is our meter';
  return `${usd(receipt.provider_usd)}${receipt.final ? ', final' : ', not final yet'}`;
}

function attemptsText(receipt: ReceiptAnswer): string {
  const failed = receipt.attempts.filter((attempt) => attempt.failure !== null);
  const kinds = [...new Set(failed.map((attempt) => attempt.failure?.kind ?? ''))];
  return failed.length === 0
    ? String(receipt.attempts.length)
    : `${receipt.attempts.length}, of which ${failed.length} failed (${kinds.join(', ')})`;
}

function instancesTable(receipt: ReceiptAnswer, look: Look): string[] {
  if (receipt.instances.length === 0) return ['  No instance was rented.'];
  const at = (iso: string | null) => (iso === null ? '' : moment(iso, look.nowMs));
  const columns = [
    { title: 'instance', align: 'right' },
    { title: 'created', dropped: 2 },
    { title: 'running', dropped: 1 },
    { title: 'DELETE sent', dropped: 3 },
    { title: 'seen gone' },
    { title: 'cost', align: 'right' },
  ] satisfies Column[];
  const rows = receipt.instances.map((instance) => [
    instance.instance_id === null ? 'never seen' : String(instance.instance_id),
    at(instance.created_at),
    at(instance.running_at),
    at(instance.destroy_sent_at),
    instance.gone_at === null ? colours.red('not yet') : at(instance.gone_at),
    usd(instance.usd.total),
  ]);
  return ['', ...table(columns, rows, look.width - 2).map((line) => `  ${line}`)];
}

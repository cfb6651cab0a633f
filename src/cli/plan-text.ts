import type { PlanAnswer } from '../admin/answers.ts';
import { colours } from './colours.ts';
import { type Column, facts, table, wrap } from './layout.ts';
import { minutesText, modelName, rankedTable } from './offers-text.ts';
import type { Look } from './status-text.ts';
import { plural, usd, usdPerHour } from './text.ts';

const RANKED_SHOWN = 5;

/** What it will cost, when it is READY, what stops it; then what else there is, and what each tier would serve. */
export function planText(plan: PlanAnswer, look: Look): string[] {
  return [
    ...wrap(headline(plan), look.width),
    ...facts([...costFacts(plan), ...stopFacts(plan)], look),
    ...offersLines(plan, look),
    ...tiersLines(plan, look),
  ];
}

function headline(plan: PlanAnswer): string {
  if (plan.stopped_by !== null) {
    const at = plan.stopped_by.checkpoint === null ? '' : ` (checkpoint ${plan.stopped_by.checkpoint})`;
    return `${colours.red('This launch would rent nothing')}${at}: ${plan.stopped_by.detail}`;
  }
  const { first } = plan;
  const where = first === null ? '' : ` on ${first.gpu} at ${usdPerHour(first.usd_per_hour)}`;
  const hedge = plan.hedge > 1 ? `, ${plan.hedge} hosts at once until one is READY` : '';
  return `${colours.bold(plan.model)}${where}${hedge}. ${colours.dim('Nothing is rented by this.')}`;
}

function costFacts({
  forecast,
  first,
  worst_case: worst,
  keep_alive_minutes: kept,
}: PlanAnswer): [string, string][] {
  if (forecast === null || first === null) return [];
  const parts = `GPU ${usd(forecast.gpu_usd)}, disk ${usd(forecast.storage_usd)}, image ${usd(forecast.image_usd)}, weights ${usd(forecast.weights_usd)}`;
  const most =
    worst.bound_by === 'budget'
      ? `its budget; without one ${hoursText(worst.lifetime_minutes)} on the dearest offer would be ${usd(worst.unbounded_usd)}`
      : `its lifetime of ${hoursText(worst.lifetime_minutes)} at the dearest offer, every attempt failing`;
  return [
    [
      'READY',
      `${minutesText(forecast.minutes_to_ready)} after the order, ${usd(forecast.at_ready_usd)} spent by then`,
    ],
    ['cost', `${colours.bold(usd(forecast.total_usd))} for ${minutesText(kept)} without use: ${parts}`],
    ['at most', `${colours.bold(usd(worst.at_most_usd))}: ${most}`],
    ['loads', servingText(first.serving)],
    [
      'why this offer',
      `${first.use_case}; score ${first.score.toFixed(2)}, first of ${first.tier}, machine ${first.machine_id}`,
    ],
  ];
}

function servingText(serving: NonNullable<PlanAnswer['first']>['serving']): string {
  const context = serving.context_tokens === null ? '' : `, ${serving.context_tokens} tokens of context`;
  const flags = serving.vllm_args.length === 0 ? '' : `, ${serving.vllm_args.join(' ')}`;
  return `${serving.model} (${serving.weights_gb.toFixed(1)} GB)${context}${flags}`;
}

/** The four checkpoints, each with its numbers. */
function stopFacts({
  checkpoints,
  worst_case: worst,
  keep_alive_minutes: kept,
}: PlanAnswer): [string, string][] {
  const { reservation, offers, running, extension } = checkpoints;
  const lines: [string, string][] = [];
  if (reservation !== null) {
    const verdict = reservation.is_passed ? colours.green('passes') : colours.red('stops it');
    lines.push([
      '1 at launch',
      `${verdict}: ${usd(reservation.asked_usd)} asked, ${usd(reservation.spent_usd)} spent and ${usd(reservation.reserved_usd)} reserved of ${usd(reservation.limit_usd)}`,
    ]);
  } else lines.push(['1 at launch', colours.yellow('unknown: no ledger answered')]);
  if (offers.least_needed_usd !== null) {
    const verdict = offers.affordable > 0 ? colours.green('passes') : colours.red('stops it');
    lines.push([
      '2 per offer',
      `${verdict}: the budget carries ${offers.affordable} of ${plural(offers.of, 'offer')}; the cheapest start needs ${usd(offers.least_needed_usd)} of ${usd(worst.budget_usd)}`,
    ]);
  }
  const ends = running.budget_ends_minutes_after_ready;
  const lives = running.lifetime_ends_minutes_after_ready;
  if (ends !== null && lives !== null) {
    const later =
      ends < lives
        ? `the budget ends it ${hoursText(ends)} after READY`
        : `its lifetime ends it ${hoursText(lives)} after READY, before the budget would`;
    lines.push(['3 while used', `${later}, with ${usd(worst.margin_usd ?? 0)} kept back for the teardown`]);
  }
  const most = extension.kept_at_most_minutes_after_ready;
  if (most !== null) {
    lines.push([
      '4 extended',
      `by ${hoursText(Math.max(0, most - kept))} at most; bound by its ${extension.bound_by}`,
    ]);
  }
  return lines;
}

function offersLines(plan: PlanAnswer, look: Look): string[] {
  if (plan.offers.length === 0) return [];
  const shown = plan.offers.slice(0, RANKED_SHOWN);
  const more = plan.offers_fit - shown.length;
  return [
    '',
    colours.bold('Tried in this order'),
    ...rankedTable(shown, look),
    ...(more > 0 ? [colours.dim(`and ${more} more: leash offers`)] : []),
  ];
}

function tiersLines(plan: PlanAnswer, look: Look): string[] {
  const columns = [
    { title: '#', align: 'right', dropped: 3 },
    { title: 'tier' },
    { title: 'at most', align: 'right', dropped: 5 },
    { title: 'fit', align: 'right' },
    { title: 'loads', narrowest: 19, dropped: 4 },
    { title: 'context', align: 'right', dropped: 1 },
    { title: 'for', narrowest: 20, dropped: 2 },
    { title: 'why not the others', narrowest: 12 },
  ] satisfies Column[];
  const rows = plan.tiers.map((tier) => [
    String(tier.priority),
    tier.name,
    tier.usd_per_hour_max.toFixed(2),
    `${tier.offers_fit}/${tier.offers_seen}`,
    tier.serving === null ? colours.dim('-') : modelName(tier.serving.model),
    String(tier.serving?.context_tokens ?? ''),
    tier.use_case,
    whyText(tier),
  ]);
  return ['', colours.bold('Tiers'), ...table(columns, rows, look.width)];
}

function whyText(tier: PlanAnswer['tiers'][number]): string {
  if (tier.offers_seen === 0) return 'none is listed';
  const [most] = tier.why;
  if (most === undefined) return '';
  if (tier.offers_fit === 0) return `${most.kind}: ${most.example}`;
  return tier.why
    .slice(0, 3)
    .map(({ kind, count }) => `${kind} ${count}`)
    .join(', ');
}

function hoursText(minutes: number): string {
  if (minutes < 120) return minutesText(minutes);
  return `${(minutes / 60).toFixed(1)} h`;
}

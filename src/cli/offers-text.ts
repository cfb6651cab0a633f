import type { OfferAnswer, OffersAnswer, PlanAnswer } from '../admin/answers.ts';
import { colours } from './colours.ts';
import { type Column, table } from './layout.ts';
import type { Look } from './status-text.ts';
import { plural, usd } from './text.ts';

/** Ranked offers on one screen; where the answer explains, the factors of each score and why others are out. */
export function offersText(answer: OffersAnswer, look: Look): string[] {
  const seen = `${plural(answer.offers_seen, 'offer')} seen, ${answer.offers_fit} ${answer.offers_fit === 1 ? 'fits' : 'fit'}`;
  return [
    `${colours.bold(answer.model)} with ${answer.disk_gb} GB of disk: ${seen}.`,
    '',
    ...(answer.items.length === 0 ? [colours.yellow('No offer fits.')] : rankedTable(answer.items, look)),
    ...(answer.rejected === null ? [] : factorsTable(answer.items, look)),
    ...(answer.rejected === null ? explainHint(answer) : rejectedLines(answer.rejected, look)),
  ];
}

/** Offers in the order in which a launch tries them. */
export function rankedTable(items: readonly OfferAnswer[], look: Look): string[] {
  const all: readonly Shown[] = [
    { title: '#', align: 'right', of: ({ rank }) => String(rank) },
    {
      title: 'tier',
      narrowest: 8,
      of: (offer) => (offer.is_affordable ? tierText(offer) : colours.dim(tierText(offer))),
    },
    { title: 'score', dropped: 7, of: ({ score }) => `${bar(score)} ${score.toFixed(2)}` },
    { title: '$/h', align: 'right', of: (offer) => offer.usd_per_hour.toFixed(3) },
    { title: 'whole', align: 'right', dropped: 3, of: (offer) => offer.usd_per_hour_whole.toFixed(3) },
    { title: 'READY', align: 'right', dropped: 8, of: (offer) => minutesText(offer.boot_minutes) },
    {
      title: 'total',
      align: 'right',
      of: (offer) => (offer.is_affordable ? usd(offer.forecast.total_usd) : colours.red('over')),
    },
    { title: 'machine', align: 'right', of: (offer) => String(offer.machine_id) },
    { title: 'in', dropped: 5, of: ({ country }) => country ?? '?' },
    { title: 'loads', narrowest: 14, dropped: 4, of: ({ serving }) => modelName(serving.model) },
    {
      title: 'context',
      align: 'right',
      dropped: 2,
      of: ({ serving }) => (serving.context_tokens === null ? '' : String(serving.context_tokens)),
    },
    { title: 'for', narrowest: 12, dropped: 6, of: (offer) => offer.use_case },
  ];
  const rows = items.map((offer) => all.map(({ of }) => of(offer)));
  return table(all, rows, look.width);
}

type Shown = Column & { readonly of: (offer: OfferAnswer) => string };

/** What of each score comes from where: bars show the factor, numbers its points. */
function factorsTable(items: readonly OfferAnswer[], look: Look): string[] {
  const [first] = items;
  if (first === undefined) return [];
  const names = ['price', 'reliability', 'download', 'cuda', 'disk', 'memory'] as const;
  const columns = [
    { title: '#', align: 'right' as const },
    { title: 'score', align: 'right' as const },
    ...names.map((name, at) => ({
      title: `${name} ${Math.round(first.factors[name].weight * 100)}%`,
      // The ones that weigh least go first.
      dropped: names.length - at,
    })),
  ];
  const rows = items.map((offer) => [
    String(offer.rank),
    offer.score.toFixed(2),
    ...names.map((name) => `${bar(offer.factors[name].value, 4)} ${points(offer.factors[name].points)}`),
  ]);
  return ['', colours.bold('Where the scores come from'), ...table(columns, rows, look.width)];
}

/** Rejections, grouped by reason and then by offer; a shelf of equal reasons is not told twenty times. */
export function rejectedLines(rejected: PlanAnswer['rejected'], look: Look): string[] {
  if (rejected.count === 0) return ['', 'No offer was rejected.'];
  const counts = table(
    [{ title: 'reason' }, { title: 'offers', align: 'right' }, { title: 'for example', narrowest: 16 }],
    rejected.by_reason.map(({ kind, count, example }) => [kind, String(count), example]),
    look.width - 2,
  );
  const columns = [
    { title: 'offer', align: 'right' },
    { title: 'GPU', narrowest: 8, dropped: 3 },
    { title: '$/h', align: 'right', dropped: 2 },
    { title: 'machine', align: 'right', dropped: 1 },
    { title: 'why not', narrowest: 24 },
  ] satisfies Column[];
  // A line for each reason: side by side they would be cut.
  const rows = rejected.items.flatMap((offer) => {
    const cells = [
      String(offer.offer_id),
      offer.gpu,
      offer.usd_per_hour.toFixed(3),
      String(offer.machine_id),
    ];
    return offer.reasons.map(({ message }, at) => [...(at === 0 ? cells : ['', '', '', '']), message]);
  });
  return [
    '',
    colours.bold(`${plural(rejected.count, 'offer')} rejected`),
    ...counts.map((line) => `  ${line}`),
    '',
    ...table(columns, rows, look.width - 2).map((line) => `  ${line}`),
  ];
}

/** A share of 0 to 1 as a bar. */
export function bar(share: number, width = 6): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return `${'█'.repeat(full)}${colours.dim('░'.repeat(width - full))}`;
}

/** Fractions of a minute matter only below ten. */
export function minutesText(minutes: number): string {
  if (minutes < 1) return `${Math.round(minutes * 60)} s`;
  return `${minutes < 10 ? minutes.toFixed(1) : Math.round(minutes)} min`;
}

/** Who made it is known from the model that was asked for. */
export function modelName(model: string): string {
  return model.split('/').at(-1) ?? model;
}

function tierText(offer: OfferAnswer): string {
  return offer.gpu === offer.tier ? offer.tier : `${offer.tier} (${offer.gpu})`;
}

function points(value: number): string {
  return value.toFixed(2).replace(/^0/, '');
}

function explainHint({ offers_seen: seen, offers_fit: fit }: OffersAnswer): string[] {
  return seen === fit
    ? []
    : ['', colours.dim(`--explain says why ${plural(seen - fit, 'offer')} did not fit.`)];
}

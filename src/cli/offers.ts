import { Command } from 'commander';
import { callOf, lookNow, positive, printJson, printLines, wholePositive } from './call-options.ts';
import { offersText } from './offers-text.ts';
import { addMachineOptions } from './order-options.ts';

type OffersOptions = Readonly<Record<string, unknown>> & { readonly explain?: boolean };

export function offersCommand(): Command {
  const command = new Command('offers')
    .summary('what the market offers now, ranked; with --explain why, and why not')
    .description(
      'Ranks the offers that a launch would choose from, tier after tier, the best score first. With --explain\neach score is shown by its factors and each rejected offer by its reasons. Rents nothing.',
    )
    .option('-e, --explain', 'every factor of the scores, and every rejection with its reason')
    .option('-m, --model <name>', 'model to serve (default: LEASH_MODEL of the server)')
    .option('-t, --tier <names>', 'only these tiers, such as "RTX 4090,L40S"')
    .option('-k, --keep-alive <minutes>', 'how long it would serve, over which traffic is spread', positive)
    .option('--limit <n>', 'so many offers (default: 20, at most 100)', wholePositive)
    .option('--after <token>', 'the next page, by the token that the last one ended with');
  return addMachineOptions(command).action(async (options: OffersOptions, command: Command) => {
    const { api, isJson } = callOf(command);
    const answer = await api.offers(queryOf(options));
    if (isJson) return printJson(answer.body);
    printLines(offersText(answer.value, lookNow()));
    if (answer.value.next !== null) printLines(['', `More: --after ${answer.value.next}`]);
  });
}

const FIELDS: Readonly<Record<string, string>> = {
  explain: 'explain',
  model: 'model',
  tier: 'tier',
  keepAlive: 'keep_alive_minutes',
  numGpus: 'num_gpus',
  gpuRam: 'gpu_ram_gib',
  disk: 'disk_gb',
  interruptible: 'interruptible',
  maxBid: 'max_bid_usd_per_hour',
  maxPrice: 'max_usd_per_hour',
  countries: 'countries',
  notCountries: 'not_countries',
  datacenterOnly: 'datacenter_only',
  minReliability: 'min_reliability',
  machines: 'machines',
  notMachines: 'not_machines',
  limit: 'limit',
  after: 'after',
};

/** The query of `GET /api/admin/offers`: only what was asked for, so that the server's defaults stand. */
export function queryOf(options: OffersOptions): URLSearchParams {
  const query = new URLSearchParams();
  for (const [option, field] of Object.entries(FIELDS)) {
    const value = options[option];
    if (value !== undefined) query.set(field, String(value));
  }
  if (options.unverified === true) query.set('verified_only', 'false');
  return query;
}

import type { LaunchInput } from '../../../admin/schema.ts';
import type { ApiProblem } from '../../api.ts';

/** What stands in the fields: text as it was typed, so that nothing is lost while it is wrong. */
export type LaunchForm = {
  readonly session: string;
  readonly model: string;
  readonly keep_alive_minutes: string;
  readonly budget_usd: string;
  readonly max_lifetime_minutes: string;
  readonly hedge: string;
  readonly replace: boolean;
  readonly auto_switch: boolean;
  /** Names of the tiers left out. */
  readonly withoutTiers: readonly string[];
  readonly num_gpus: string;
  readonly gpu_ram_gib: string;
  readonly disk_gb: string;
  readonly image: string;
  readonly vllm_args: string;
  readonly interruptible: boolean;
  readonly max_bid_usd_per_hour: string;
  readonly max_usd_per_hour: string;
  readonly countries: string;
  readonly not_countries: string;
  readonly datacenter_only: boolean;
  readonly verified_only: boolean;
  readonly min_reliability: string;
  readonly tiers: readonly TierOfPlan[];
};

/** A tier as the API takes it. */
export type TierOfPlan = NonNullable<LaunchInput['tiers']>[number];

export const EMPTY_FORM: LaunchForm = {
  session: '',
  model: '',
  keep_alive_minutes: '',
  budget_usd: '',
  max_lifetime_minutes: '',
  hedge: '1',
  replace: false,
  auto_switch: true,
  withoutTiers: [],
  num_gpus: '',
  gpu_ram_gib: '',
  disk_gb: '',
  image: '',
  vllm_args: '',
  interruptible: false,
  max_bid_usd_per_hour: '',
  max_usd_per_hour: '',
  countries: '',
  not_countries: '',
  datacenter_only: false,
  verified_only: true,
  min_reliability: '',
  tiers: [],
};

/**
 * The body of a launch. An empty field is left out, so that the server's default holds; a text where a number
 * belongs is sent as it is, because one judge of the input is enough: the server says what is allowed.
 */
export function toLaunchBody(form: LaunchForm): Record<string, unknown> {
  const given: Record<string, unknown> = {
    session: form.session.trim(),
    model: form.model.trim(),
    keep_alive_minutes: numberOf(form.keep_alive_minutes),
    budget_usd: numberOf(form.budget_usd),
    max_lifetime_minutes: numberOf(form.max_lifetime_minutes),
    hedge: numberOf(form.hedge),
    replace: form.replace,
    auto_switch: form.auto_switch,
    num_gpus: numberOf(form.num_gpus),
    gpu_ram_gib: numberOf(form.gpu_ram_gib),
    disk_gb: numberOf(form.disk_gb),
    image: form.image.trim(),
    vllm_args: linesOf(form.vllm_args),
    interruptible: form.interruptible,
    max_bid_usd_per_hour: form.interruptible ? numberOf(form.max_bid_usd_per_hour) : '',
    max_usd_per_hour: numberOf(form.max_usd_per_hour),
    countries: wordsOf(form.countries),
    not_countries: wordsOf(form.not_countries),
    datacenter_only: form.datacenter_only,
    verified_only: form.verified_only,
    min_reliability: numberOf(form.min_reliability),
  };
  if (form.withoutTiers.length > 0) {
    given.tiers = form.tiers.filter(({ name }) => !form.withoutTiers.includes(name));
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ''));
}

/** What is wrong with each field; `vllm_args[2]` belongs to the field `vllm_args`. */
export function problemsByField(problem: ApiProblem | null): ReadonlyMap<string, string> {
  const byField = new Map<string, string>();
  for (const { field, allowed } of problem?.problems ?? []) {
    const name = field.split(/[.[]/)[0] ?? field;
    const said = `Allowed: ${allowed}`;
    byField.set(name, byField.has(name) ? `${byField.get(name)}; ${said}` : said);
  }
  return byField;
}

function numberOf(text: string): number | string {
  const trimmed = text.trim().replace(',', '.');
  return trimmed === '' || !Number.isFinite(Number(trimmed)) ? trimmed : Number(trimmed);
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function wordsOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '');
}

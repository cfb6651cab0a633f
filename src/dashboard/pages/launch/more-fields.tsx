import { usd } from '../../format.ts';
import { CheckField, TextField } from './fields.tsx';
import type { TierOfPlan } from './launch-form.ts';
import type { FieldsProps } from './main-fields.tsx';

/** Fields folded away; they open by themselves when something is wrong inside. */
const FOLDED = [
  'tiers',
  'num_gpus',
  'gpu_ram_gib',
  'disk_gb',
  'image',
  'vllm_args',
  'max_bid_usd_per_hour',
  'max_usd_per_hour',
  'countries',
  'not_countries',
  'min_reliability',
  'max_lifetime_minutes',
];

/** What a launch may say besides. */
export function MoreFields({ tiers, ...fields }: FieldsProps & { tiers: readonly TierOfPlan[] }) {
  const hasProblem = FOLDED.some((name) => fields.problems.has(name));
  return (
    <details class="fold" open={hasProblem || undefined}>
      <summary>More options</summary>
      <div class="stack">
        <Tiers tiers={tiers} {...fields} />
        <div class="field-grid">
          <TextField
            {...fields}
            name="max_lifetime_minutes"
            label="Lifetime, minutes"
            placeholder="1440"
            hint="It ends then, used or not."
          />
          <TextField
            {...fields}
            name="max_usd_per_hour"
            label="Top price, USD an hour"
            hint="Below the tiers' own."
          />
          <TextField {...fields} name="num_gpus" label="GPUs" placeholder="1" />
          <TextField {...fields} name="gpu_ram_gib" label="Memory per GPU, GiB" placeholder="by the model" />
          <TextField {...fields} name="disk_gb" label="Disk, GB" placeholder="by image and weights" />
          <TextField
            {...fields}
            name="min_reliability"
            label="Least reliability, 0 to 1"
            placeholder="0.95"
          />
          <TextField {...fields} name="countries" label="Only these countries" placeholder="DE, NL" />
          <TextField {...fields} name="not_countries" label="Not these countries" />
        </div>
        <TextField {...fields} name="image" label="Container image" placeholder="LEASH_IMAGE" />
        <TextField {...fields} name="vllm_args" label="Arguments of vLLM, one a line" isLong />
        <CheckField {...fields} name="verified_only" label="Verified machines only" />
        <CheckField {...fields} name="datacenter_only" label="Data centres only" />
        <CheckField
          {...fields}
          name="interruptible"
          label="Interruptible: bid, and lose it to a higher bid"
        />
        {fields.form.interruptible && (
          <TextField {...fields} name="max_bid_usd_per_hour" label="Highest bid, USD an hour" />
        )}
      </div>
    </details>
  );
}

function Tiers({ tiers, form, problems, onChange }: FieldsProps & { tiers: readonly TierOfPlan[] }) {
  if (tiers.length === 0) return null;
  const problem = problems.get('tiers');
  const toggle = (name: string, isWanted: boolean) =>
    onChange({
      tiers,
      withoutTiers: isWanted
        ? form.withoutTiers.filter((other) => other !== name)
        : [...form.withoutTiers, name],
    });
  return (
    <fieldset class="bare stack-tight">
      <legend class="label">GPUs to take, in this order</legend>
      <div class="field-grid">
        {tiers.map(({ name, usd_per_hour_max }) => (
          <label key={name} class="check">
            <input
              type="checkbox"
              checked={!form.withoutTiers.includes(name)}
              onChange={(event) => toggle(name, event.currentTarget.checked)}
            />
            <span>
              {name} <span class="quiet small num">up to {usd(usd_per_hour_max)}/h</span>
            </span>
          </label>
        ))}
      </div>
      {problem !== undefined && <p class="field-problem">{problem}</p>}
    </fieldset>
  );
}

import type { PlanAnswer } from '../../../admin/answers.ts';
import { Field } from '../../components/field.tsx';
import { CheckField, TextField } from './fields.tsx';
import type { LaunchForm } from './launch-form.ts';

export type FieldsProps = {
  readonly form: LaunchForm;
  readonly problems: ReadonlyMap<string, string>;
  readonly onChange: (part: Partial<LaunchForm>) => void;
};

/** What most launches say. */
export function MainFields({ plan, ...fields }: FieldsProps & { plan: PlanAnswer | null }) {
  const { form, problems, onChange } = fields;
  return (
    <>
      <TextField
        {...fields}
        name="model"
        label="Model"
        placeholder={plan?.model ?? ''}
        hint="A model of Hugging Face, by its name."
      />
      <div class="field-grid">
        <TextField {...fields} name="session" label="Name" placeholder="default" hint="a-z, 0-9 and -" />
        <TextField
          {...fields}
          name="keep_alive_minutes"
          label="Keep-alive, minutes"
          placeholder={plan === null ? '' : String(plan.keep_alive_minutes)}
          hint="It ends so long after its last use."
        />
        <TextField
          {...fields}
          name="budget_usd"
          label="Budget, USD"
          placeholder={plan === null ? '' : String(plan.worst_case.budget_usd)}
          hint="It never costs more."
        />
        <Field label="Hosts at once" hint="The first that is READY is kept." problem={problems.get('hedge')}>
          {(wiring) => (
            <select
              {...wiring}
              value={form.hedge}
              onChange={(event) => onChange({ hedge: event.currentTarget.value })}
            >
              <option value="1">1</option>
              <option value="2">2, hedged</option>
              <option value="3">3, hedged</option>
            </select>
          )}
        </Field>
      </div>
      <CheckField
        {...fields}
        name="replace"
        label="Rent again, within the budget, when the machine is lost"
      />
      <CheckField {...fields} name="auto_switch" label="Send the gateway's traffic here once it is READY" />
    </>
  );
}

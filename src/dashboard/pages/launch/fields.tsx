import { Field } from '../../components/field.tsx';
import type { LaunchForm } from './launch-form.ts';
import type { FieldsProps } from './main-fields.tsx';

type NamesOf<Kind> = {
  [Name in keyof LaunchForm]: LaunchForm[Name] extends Kind ? Name : never;
}[keyof LaunchForm];

type TextFieldProps = FieldsProps & {
  readonly name: NamesOf<string>;
  readonly label: string;
  readonly hint?: string;
  readonly placeholder?: string;
  /** Several lines. */
  readonly isLong?: boolean;
};

/** Text or a number; what is left empty shows the default that holds. */
export function TextField({ form, problems, onChange, name, label, hint, ...look }: TextFieldProps) {
  return (
    <Field label={label} hint={hint} problem={problems.get(name)}>
      {(wiring) => {
        const wired = {
          ...wiring,
          name,
          value: form[name],
          placeholder: look.placeholder ?? '',
          spellcheck: false,
          onInput: (event: { currentTarget: { value: string } }) =>
            onChange({ [name]: event.currentTarget.value }),
        };
        return look.isLong === true ? (
          <textarea {...wired} rows={3} />
        ) : (
          <input {...wired} autocomplete="off" />
        );
      }}
    </Field>
  );
}

type CheckFieldProps = FieldsProps & { readonly name: NamesOf<boolean>; readonly label: string };

export function CheckField({ form, onChange, name, label }: CheckFieldProps) {
  return (
    <label class="check">
      <input
        type="checkbox"
        name={name}
        checked={form[name]}
        onChange={(event) => onChange({ [name]: event.currentTarget.checked })}
      />
      {label}
    </label>
  );
}

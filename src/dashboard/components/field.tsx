import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

type FieldProps = {
  readonly label: string;
  readonly hint?: ComponentChildren;
  /** What is wrong with it; said to screen readers as its description. */
  readonly problem?: string | undefined;
  readonly children: (wiring: {
    id: string;
    'aria-describedby': string;
    'aria-invalid': boolean;
  }) => ComponentChildren;
};

/** A labelled input with its hint and its problem, wired together. */
export function Field({ label, hint, problem, children }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, 'aria-describedby': `${id}-says`, 'aria-invalid': problem !== undefined })}
      <p id={`${id}-says`} class={problem === undefined ? 'field-hint' : 'field-problem'}>
        {problem ?? hint}
      </p>
    </div>
  );
}

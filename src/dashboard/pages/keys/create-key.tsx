import { useState } from 'preact/hooks';
import type { KeyCreatedAnswer } from '../../../admin/answers.ts';
import type { KeyInput } from '../../../admin/schema.ts';
import { call } from '../../api.ts';
import { Button } from '../../components/button.tsx';
import { CopyButton } from '../../components/copy-button.tsx';
import { Dialog } from '../../components/dialog.tsx';
import { Field } from '../../components/field.tsx';
import { Note, ProblemNote } from '../../components/states.tsx';
import { useAction } from '../../resource.ts';

type CreateKeyProps = {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly onCreated: () => void;
};

/** Asks for name and limits, then shows the key this once. */
export function CreateKeyDialog({ isOpen, onClose, onCreated }: CreateKeyProps) {
  const [created, setCreated] = useState<KeyCreatedAnswer | null>(null);
  const close = () => {
    setCreated(null);
    onClose();
  };
  return (
    <Dialog title={created === null ? 'Create a key' : `Key ${created.name}`} isOpen={isOpen} onClose={close}>
      {created === null ? (
        <KeyForm
          onClose={close}
          onCreated={(key) => {
            setCreated(key);
            onCreated();
          }}
        />
      ) : (
        <Created created={created} onClose={close} />
      )}
    </Dialog>
  );
}

const EMPTY = { name: '', models: '', budget: '', period: 'month', requests: '', tokens: '', days: '' };
const DAY_MS = 86_400_000;

type KeyFormProps = { readonly onClose: () => void; readonly onCreated: (key: KeyCreatedAnswer) => void };

function KeyForm({ onClose, onCreated }: KeyFormProps) {
  const [typed, setTyped] = useState(EMPTY);
  const creating = useAction((body: KeyInput) =>
    call<KeyCreatedAnswer>('/api/admin/keys', { method: 'POST', body }),
  );
  const problemOf = (field: string) =>
    creating.problem?.problems.find((problem) => problem.field === field)?.allowed;
  const submit = async (event: Event) => {
    event.preventDefault();
    const key = await creating.run(orderOf(typed));
    if (key !== null) onCreated(key);
  };
  const text = (name: keyof typeof EMPTY, label: string, field: string, hint: string, type = 'text') => (
    <Field label={label} hint={hint} problem={problemOf(field)}>
      {(wiring) => (
        <input
          {...wiring}
          type={type}
          min={type === 'number' ? '0' : undefined}
          step={type === 'number' ? 'any' : undefined}
          value={typed[name]}
          onInput={(event) => setTyped({ ...typed, [name]: event.currentTarget.value })}
        />
      )}
    </Field>
  );
  return (
    <form class="stack" onSubmit={(event) => void submit(event)}>
      {text('name', 'Name', 'name', 'Who or what uses it.')}
      {text('models', 'Models', 'models', 'Separated by commas; empty: every one.')}
      <div class="grid-fields">
        {text('budget', 'Budget, USD', 'budget_usd', 'Empty: no limit.', 'number')}
        <Field label="Budget begins again" problem={problemOf('budget_period')}>
          {(wiring) => (
            <select
              {...wiring}
              value={typed.period}
              onChange={(event) => setTyped({ ...typed, period: event.currentTarget.value })}
            >
              <option value="month">each month</option>
              <option value="day">each day</option>
              <option value="total">never</option>
            </select>
          )}
        </Field>
        {text('requests', 'Requests a minute', 'requests_per_minute', 'Empty: no limit.', 'number')}
        {text('tokens', 'Tokens a minute', 'tokens_per_minute', 'Empty: no limit.', 'number')}
        {text('days', 'Expires after days', 'expires_at', 'Empty: never.', 'number')}
      </div>
      {creating.problem !== null && <ProblemNote problem={creating.problem} />}
      <div class="row row-end">
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" isBusy={creating.isRunning}>
          Create
        </Button>
      </div>
    </form>
  );
}

/** What is left empty is left out: the server knows what that means. */
function orderOf(typed: typeof EMPTY): KeyInput {
  const number = (text: string) => (text.trim() === '' ? undefined : Number(text));
  const models = typed.models
    .split(',')
    .map((model) => model.trim())
    .filter((model) => model !== '');
  const days = number(typed.days);
  const order: Record<string, unknown> = {
    name: typed.name.trim(),
    models: models.length === 0 ? undefined : models,
    budget_usd: number(typed.budget),
    budget_period: typed.budget.trim() === '' ? undefined : typed.period,
    requests_per_minute: number(typed.requests),
    tokens_per_minute: number(typed.tokens),
    expires_at: days === undefined ? undefined : new Date(Date.now() + days * DAY_MS).toISOString(),
  };
  return Object.fromEntries(Object.entries(order).filter(([, value]) => value !== undefined)) as KeyInput;
}

function Created({ created, onClose }: { created: KeyCreatedAnswer; onClose: () => void }) {
  return (
    <div class="stack">
      <Note tone="warn">This is the only time it is shown: Leash keeps a hash of it.</Note>
      <div class="row">
        <code class="secret break">{created.token}</code>
        <CopyButton text={created.token} what="the key" />
      </div>
      <p class="quiet small">
        Base URL: <code class="break">{location.origin}/v1</code>
      </p>
      <div class="row row-end">
        <Button kind="primary" onClick={onClose}>
          I have it
        </Button>
      </div>
    </div>
  );
}

import { Field } from '../../components/field.tsx';

export type Choices = {
  /** Empty: whatever a request without a model gets. */
  readonly model: string;
  readonly system: string;
  readonly temperature: number;
  readonly maxTokens: number;
};

type ChatSettingsProps = {
  readonly choices: Choices;
  readonly models: readonly string[];
  readonly onChange: (choices: Choices) => void;
};

export function ChatSettings({ choices, models, onChange }: ChatSettingsProps) {
  return (
    <div class="grid-fields">
      <Field label="Model" hint="default: the session’s own.">
        {(wiring) => (
          <select
            {...wiring}
            value={choices.model}
            onChange={(event) => onChange({ ...choices, model: event.currentTarget.value })}
          >
            <option value="">default</option>
            {models
              .filter((model) => model !== 'default')
              .map((model) => (
                <option key={model} value={model}>
                  {model}
                </option>
              ))}
          </select>
        )}
      </Field>
      <Field label="System prompt" hint="Empty: none.">
        {(wiring) => (
          <input
            {...wiring}
            value={choices.system}
            onInput={(event) => onChange({ ...choices, system: event.currentTarget.value })}
          />
        )}
      </Field>
      <Field label="Temperature" hint="0 to 2.">
        {(wiring) => (
          <input
            {...wiring}
            type="number"
            min="0"
            max="2"
            step="0.1"
            value={choices.temperature}
            onChange={(event) => onChange({ ...choices, temperature: Number(event.currentTarget.value) })}
          />
        )}
      </Field>
      <Field label="Most tokens" hint="Of the answer.">
        {(wiring) => (
          <input
            {...wiring}
            type="number"
            min="1"
            step="1"
            value={choices.maxTokens}
            onChange={(event) => onChange({ ...choices, maxTokens: Number(event.currentTarget.value) })}
          />
        )}
      </Field>
    </div>
  );
}

import { Card } from '../../components/card.tsx';
import { chooseTheme, type ThemeChoice, themeChoice } from '../../theme.ts';

const CHOICES: readonly { readonly choice: ThemeChoice; readonly name: string }[] = [
  { choice: 'system', name: 'As the system has it' },
  { choice: 'light', name: 'Light' },
  { choice: 'dark', name: 'Dark' },
];

export function ThemeCard() {
  return (
    <Card>
      <fieldset class="choices">
        <legend>Appearance, in this browser</legend>
        {CHOICES.map(({ choice, name }) => (
          <label key={choice} class="check">
            <input
              type="radio"
              name="theme"
              checked={themeChoice.value === choice}
              onChange={() => chooseTheme(choice)}
            />
            <span>{name}</span>
          </label>
        ))}
      </fieldset>
    </Card>
  );
}

import { signal } from '@preact/signals';

/** Light, dark, or as the system has it; the choice stays in this browser. */
export type ThemeChoice = 'system' | 'light' | 'dark';

const KEY = 'leash-theme';
const dark = matchMedia('(prefers-color-scheme: dark)');

export const themeChoice = signal<ThemeChoice>(stored());
/** What is shown now; charts, which draw on a canvas, are drawn again when it changes. */
export const theme = signal<'light' | 'dark'>('light');

apply();
dark.addEventListener('change', apply);

export function chooseTheme(choice: ThemeChoice): void {
  themeChoice.value = choice;
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    // A browser that keeps nothing for us shows it until it is closed.
  }
  apply();
}

function apply(): void {
  const choice = themeChoice.value;
  const isDark = choice === 'system' ? dark.matches : choice === 'dark';
  theme.value = isDark ? 'dark' : 'light';
  document.documentElement.dataset.theme = theme.value;
}

function stored(): ThemeChoice {
  try {
    const found = localStorage.getItem(KEY);
    return found === 'light' || found === 'dark' ? found : 'system';
  } catch {
    return 'system';
  }
}

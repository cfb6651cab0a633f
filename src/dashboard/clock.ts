import { signal } from '@preact/signals';

/** The time, once a second, for everything that counts up or down; it stands still while nobody looks. */
export const nowMs = signal(Date.now());

const TICK_MS = 1_000;

setInterval(() => {
  if (!document.hidden) nowMs.value = Date.now();
}, TICK_MS);
document.addEventListener('visibilitychange', () => {
  nowMs.value = Date.now();
});

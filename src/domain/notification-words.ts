/** Moments, spans and numbers as notifications write them. */

/** `40 s`, `4 min`, `2 h 5 min`. */
export function span(ms: number): string {
  const inSeconds = Math.max(0, Math.round(ms / 1_000));
  if (inSeconds < 90) return `${inSeconds} s`;
  const minutes = Math.round(inSeconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const rest = minutes % 60;
  return rest === 0 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 60)} h ${rest} min`;
}

/** `17:05 UTC`, with its day when that is another one. Readers sit in many time zones. */
export function clock(atMs: number, nowMs: number): string {
  const text = maybeIso(atMs);
  if (text === null) return 'no time soon';
  const time = `${text.slice(11, 16)} UTC`;
  return text.slice(0, 10) === maybeIso(nowMs)?.slice(0, 10) ? time : `${text.slice(0, 10)} ${time}`;
}

const DATE_MS_MAX = 8_640_000_000_000_000;

/** Null for what is no date: a budget that nothing burns is reached at no time. */
export function maybeIso(ms: number | null): string | null {
  return ms === null || !(Math.abs(ms) <= DATE_MS_MAX) ? null : new Date(ms).toISOString();
}

/** Longer texts keep their beginning: what follows is the evidence. */
export function cut(text: string, characters: number): string {
  const points = [...text];
  return points.length <= characters ? text : `${points.slice(0, characters - 1).join('')}…`;
}

export function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function seconds(ms: number): number {
  return Math.round(ms / 1_000);
}

export function round(amount: number): number {
  return Math.round(amount * 1e6) / 1e6;
}

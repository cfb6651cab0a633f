/** Dollars as people read them: cents from ten cents on, finer below, where a minute of a GPU lies. */
export function usd(amount: number): string {
  const digits = Math.abs(amount) >= 0.1 || amount === 0 ? 2 : 4;
  return `${amount < 0 ? '-' : ''}$${Math.abs(amount).toFixed(digits)}`;
}

export function usdPerHour(price: number): string {
  return `$${price.toFixed(3)}/h`;
}

/** `1:05` from a minute on as people read a clock; hours join when there are any. */
export function clock(durationMs: number): string {
  const seconds = Math.max(0, Math.floor(durationMs / 1_000));
  const parts = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}

/** `3 min`, `2 h 5 min`, `40 s`. */
export function duration(durationMs: number): string {
  const seconds = Math.max(0, Math.round(durationMs / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const rest = minutes % 60;
  return rest === 0 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 60)} h ${rest} min`;
}

/** A moment as the clock on the wall shows it; with its day when that is another one. */
export function moment(iso: string, nowMs: number): string {
  const at = new Date(iso);
  const time = at.toTimeString().slice(0, 8);
  return at.toDateString() === new Date(nowMs).toDateString() ? time : `${day(at)} ${time}`;
}

function day(at: Date): string {
  const two = (part: number) => String(part).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

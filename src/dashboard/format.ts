/** Texts of figures. Figures stand in tables of equal digits, so the number of decimals never depends on the value. */

const DASH = '–';

/** `$1.24`; four decimals below ten cents, where two would say nothing. */
export function usd(amount: number | null | undefined): string {
  if (amount === null || amount === undefined) return DASH;
  const size = Math.abs(amount);
  return `${amount < 0 ? '−' : ''}$${size.toFixed(size > 0 && size < 0.1 ? 4 : 2)}`;
}

export function usdPerHour(amount: number | null | undefined): string {
  return amount === null || amount === undefined ? DASH : `$${amount.toFixed(3)}/h`;
}

/** `1 h 04 m`, `4 m 09 s`, `9 s`: the two largest units, the second padded so that a countdown does not jump. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return DASH;
  const whole = Math.max(0, Math.round(seconds));
  const [days, hours] = [Math.floor(whole / 86_400), Math.floor((whole % 86_400) / 3_600)];
  const [minutes, rest] = [Math.floor((whole % 3_600) / 60), whole % 60];
  if (days > 0) return `${days} d ${pad(hours)} h`;
  if (hours > 0) return `${hours} h ${pad(minutes)} m`;
  return minutes > 0 ? `${minutes} m ${pad(rest)} s` : `${rest} s`;
}

/** A length that does not count: as `duration`, but `45 m` rather than `45 m 00 s`. */
export function span(seconds: number | null | undefined): string {
  return duration(seconds).replace(/ 00 [hms]$/, '');
}

/** Clock time of today, with the date on any other day. */
export function clock(iso: string | null | undefined, now = new Date()): string {
  return timeText(iso, now, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
}

/** To the minute: for what is to come, where seconds would only flicker. */
export function clockMinute(iso: string | null | undefined, now = new Date()): string {
  return timeText(iso, now, { hour: '2-digit', minute: '2-digit' });
}

function timeText(iso: string | null | undefined, now: Date, digits: Intl.DateTimeFormatOptions): string {
  if (!iso) return DASH;
  const at = new Date(iso);
  const time = at.toLocaleTimeString(undefined, digits);
  if (at.toDateString() === now.toDateString()) return time;
  return `${at.toLocaleDateString(undefined, { month: 'short', day: 'numeric' })} ${time}`;
}

export function count(amount: number | null | undefined): string {
  return amount === null || amount === undefined ? DASH : amount.toLocaleString('en-US');
}

export function percent(share: number | null | undefined, decimals = 0): string {
  return share === null || share === undefined ? DASH : `${(share * 100).toFixed(decimals)} %`;
}

export function gibOf(mib: number): string {
  return `${Math.round(mib / 1_024)} GiB`;
}

/** Whole seconds from `nowMs` to a time of the wire; negative when it has passed, null when there is none. */
export function secondsUntil(iso: string | null | undefined, nowMs: number): number | null {
  return iso ? (Date.parse(iso) - nowMs) / 1_000 : null;
}

export function secondsSince(iso: string | null | undefined, nowMs: number): number | null {
  return iso ? (nowMs - Date.parse(iso)) / 1_000 : null;
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}

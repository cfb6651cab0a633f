/** What was looked at, how it stands, and what to do about it. */
export type Check = {
  readonly name: string;
  readonly verdict: 'ok' | 'warning' | 'broken';
  readonly says: string;
  /** What to do; null where all is well. */
  readonly remedy: string | null;
};

export const fine = (name: string, says: string): Check => ({ name, verdict: 'ok', says, remedy: null });
export const warning = (name: string, says: string, remedy: string): Check => ({
  name,
  verdict: 'warning',
  says,
  remedy,
});
export const broken = (name: string, says: string, remedy: string): Check => ({
  name,
  verdict: 'broken',
  says,
  remedy,
});

export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export const LOG_LEVELS = ['info0', 'info1', 'trace', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What the engine did, by endpoint: a coarse level's lines are in the finer ones too. */
export class EngineLogs {
  readonly #lines = new Map<number, { level: LogLevel; line: string }[]>();
  readonly #clock: () => number;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  write(endpointId: number, level: LogLevel, text: string): void {
    const at = new Date(this.#clock() * 1000).toISOString();
    const lines = this.#lines.get(endpointId) ?? [];
    lines.push({ level, line: `${at} ${text}` });
    this.#lines.set(endpointId, lines.length > KEPT * 1.2 ? lines.slice(-KEPT) : lines);
  }

  read(endpointId: number, tail: number): Record<LogLevel, string> {
    const lines = this.#lines.get(endpointId) ?? [];
    const upTo = (level: LogLevel) =>
      lines
        .filter((one) => LOG_LEVELS.indexOf(one.level) <= LOG_LEVELS.indexOf(level))
        .slice(-tail)
        .map(({ line }) => line)
        .join('\n');
    return { info0: upTo('info0'), info1: upTo('info1'), trace: upTo('trace'), debug: upTo('debug') };
  }

  forget(endpointId: number): void {
    this.#lines.delete(endpointId);
  }
}

const KEPT = 2_000;

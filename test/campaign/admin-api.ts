import { setTimeout as pause } from 'node:timers/promises';
import { secretsIn } from './secrets.ts';

export type Answer = { readonly status: number; readonly body: Readonly<Record<string, unknown>> };

const CALL_MS = 30_000;
const RETRY_MS = 700;

/** The admin API as a patient caller uses it: a server that is dead is asked again until it lives. */
export class AdminApi {
  readonly #url: string;
  readonly #token: string;
  /** Calls whose answers held something secret. */
  readonly leaks: { where: string; what: string }[] = [];

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  /** Asked again while nothing answers, or a part is missing (503); null when that lasts too long. */
  async call(method: string, path: string, body?: object, withinMs = 90_000): Promise<Answer | null> {
    const untilMs = Date.now() + withinMs;
    for (;;) {
      const answer = await this.once(method, path, body);
      if (answer !== null && answer.status !== 503) return answer;
      if (Date.now() >= untilMs) return answer;
      await pause(RETRY_MS);
    }
  }

  async once(method: string, path: string, body?: object): Promise<Answer | null> {
    try {
      const answer = await fetch(`${this.#url}/api/admin/${path}`, {
        method,
        headers: {
          authorization: `Bearer ${this.#token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(CALL_MS),
      });
      const text = await answer.text();
      for (const what of secretsIn(text)) this.leaks.push({ where: `${method} ${path}`, what });
      return { status: answer.status, body: JSON.parse(text) as Record<string, unknown> };
    } catch {
      return null;
    }
  }
}

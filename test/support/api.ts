import type { LaunchAnswer, ProblemAnswer, ReceiptAnswer, StatusAnswer } from '../../src/admin/answers.ts';
import type { LaunchInput } from '../../src/admin/schema.ts';
import { eventually } from './eventually.ts';

export type Answer<Body> = { readonly status: number; readonly body: Body; readonly headers: Headers };

type Extra = { readonly token?: string | null; readonly headers?: Readonly<Record<string, string>> };

const CALL_TIMEOUT_MS = 30_000;

/** The HTTP server as a caller meets it. */
export class Api {
  readonly url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.url = url;
    this.#token = token;
  }

  /** One call of the admin API; `path` from `/api/admin/` on. A string is sent as it is. */
  async admin<Body>(
    method: string,
    path: string,
    body?: unknown,
    { token = this.#token, headers = {} }: Extra = {},
  ): Promise<Answer<Body>> {
    const answer = await fetch(`${this.url}/api/admin/${path}`, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    });
    return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Body };
  }

  launch(body: LaunchInput, extra?: Extra): Promise<Answer<LaunchAnswer & ProblemAnswer>> {
    return this.admin('POST', 'vllm/launch', body, extra);
  }

  async status(session: string): Promise<StatusAnswer> {
    const { status, body } = await this.admin<StatusAnswer>('GET', `vllm/status?session=${session}`);
    if (status !== 200) throw new Error(`Status of ${session}: ${status} ${JSON.stringify(body)}`);
    return body;
  }

  extend(
    session: string,
    additionalMinutes: number,
    extra?: Extra,
  ): Promise<Answer<StatusAnswer & ProblemAnswer>> {
    return this.admin('POST', 'vllm/extend', { session, additional_minutes: additionalMinutes }, extra);
  }

  destroy(session: string, waitSeconds = 0): Promise<Answer<StatusAnswer & ProblemAnswer>> {
    return this.admin('POST', 'vllm/destroy', { session, wait_seconds: waitSeconds });
  }

  /** Launched, and taken on. */
  async launched(body: LaunchInput, extra?: Extra): Promise<LaunchAnswer> {
    const answer = await this.launch(body, extra);
    if (answer.status !== 202) throw new Error(`Launch: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** Waits until the status is as wanted; fails with the last one seen. */
  async until(
    session: string,
    what: string,
    isSo: (status: StatusAnswer) => boolean,
    withinMs = 60_000,
  ): Promise<StatusAnswer> {
    let last: StatusAnswer | null = null;
    const seen = () =>
      last === null
        ? ''
        : `; it is ${last.state}: ${last.detail} Attempts: ${JSON.stringify(last.attempts.map(({ attempt, phase, failure }) => [attempt, phase, failure?.kind]))}`;
    return eventually(
      () => `${session} ${what}${seen()}`,
      async () => {
        last = await this.status(session);
        return isSo(last) ? last : null;
      },
      { withinMs, everyMs: 300 },
    );
  }

  /** READY; fails at once when it ended instead. */
  async ready(session: string, withinMs = 60_000): Promise<StatusAnswer> {
    const status = await this.until(
      session,
      'is READY',
      ({ state, outcome }) => state === 'READY' || outcome !== null,
      withinMs,
    );
    if (status.state !== 'READY')
      throw new Error(
        `${session} ended: ${status.outcome} (${status.reason}) ${JSON.stringify(status.attempts)}`,
      );
    return status;
  }

  /** READY, and looked at since by supervision: what it downloaded is on the meter. */
  async supervised(session: string, withinMs?: number): Promise<StatusAnswer> {
    await this.ready(session, withinMs);
    return this.until(
      session,
      'was looked at',
      ({ health, ready_at }) => (health.last_ok_at ?? '') > (ready_at ?? ''),
    );
  }

  /** Its receipt, once it has ended by itself or by what was asked before. */
  async ended(session: string, withinMs = 60_000): Promise<ReceiptAnswer> {
    const { receipt } = await this.until(session, 'has ended', ({ receipt }) => receipt !== null, withinMs);
    if (receipt === null) throw new Error('unreachable: it was waited for');
    return receipt;
  }

  /** Destroyed on request, and verified gone. */
  async destroyed(session: string): Promise<ReceiptAnswer> {
    const answer = await this.destroy(session, 20);
    if (answer.status !== 200 && answer.status !== 202)
      throw new Error(`Destroy: ${answer.status} ${JSON.stringify(answer.body)}`);
    return this.ended(session);
  }

  /** One chat completion through the gateway. */
  chat(body: object = {}): Promise<Response> {
    return fetch(`${this.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [{ role: 'user', content: 'Say hello.' }], max_tokens: 8, ...body }),
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    });
  }
}

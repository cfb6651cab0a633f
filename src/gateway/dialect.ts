import type { OpenAiError } from './errors.ts';
import type { Usage } from './usage.ts';

/** How a target that does not speak OpenAI's API is spoken with; callers notice nothing of it. */
export type Dialect = {
  /** Throws a `Refusal` for what the target's API cannot express. */
  request(order: {
    readonly route: string;
    readonly body: Record<string, unknown>;
    readonly model: string;
  }): DialectRequest;
};

export type DialectRequest = {
  /** At the target, from its root. */
  readonly path: string;
  readonly bytes: Buffer;
  /** A whole answer in OpenAI's shape, or null where it is none of the target's API. */
  answer(body: Buffer): { readonly body: Buffer; readonly usage: Usage | null } | null;
  stream(): DialectStream;
  error(
    status: number,
    body: string,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): DialectError;
};

export type DialectStream = {
  /** Bytes of the target in, whole events in OpenAI's shape out. */
  push(bytes: Buffer): Buffer;
  /** Whether the answer came whole, `[DONE]` included. */
  readonly isDone: boolean;
  /** Whether the target broke it off, and what came out says so. */
  readonly hasFailed: boolean;
  readonly usage: Usage | null;
};

export type DialectError = {
  readonly error: OpenAiError;
  readonly whose: 'caller' | 'provider';
  readonly retryAfterSeconds?: number | undefined;
};

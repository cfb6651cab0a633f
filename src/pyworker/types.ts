import type { IncomingHttpHeaders } from 'node:http';

/** The `payload` member of a request, as JSON has it. */
export type Payload = Record<string, unknown>;

/** How much work a payload is, in whatever unit all handlers of a worker share: tokens, texts, images. */
export type WorkloadCalculator = (payload: Payload) => number;

/** What the model shall get instead of the caller's payload. Throw a `PayloadError` for what a caller got wrong. */
export type RequestParser = (payload: Payload) => Payload;

/** An answer of the model, whole. */
export type ModelAnswer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Throws where the body is no JSON. */
  json(): unknown;
};

/** What a response generator makes of it; a body that is neither text nor bytes is sent as JSON. */
export type GeneratedAnswer = {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
};

export type ResponseGenerator = (
  request: { readonly headers: IncomingHttpHeaders; readonly payload: Payload },
  answer: ModelAnswer,
) => GeneratedAnswer | Promise<GeneratedAnswer>;

/** A file of a form. */
export type FormFile = {
  readonly filename: string;
  readonly bytes: Uint8Array | string;
  readonly type?: string;
};
export type FormValue = string | number | boolean | null | FormFile | readonly (string | number | FormFile)[];

/** Makes the payload a multipart form for models that want one; nulls are left out. */
export type FormMaker = (payload: Payload) => Readonly<Record<string, FormValue>>;

/** Of a request parser: the caller's own mistake, answered 422 with `{"payload": <what it says>}`. */
export class PayloadError extends Error {
  readonly problem: unknown;

  constructor(problem: unknown) {
    super(typeof problem === 'string' ? problem : JSON.stringify(problem));
    this.name = 'PayloadError';
    this.problem = problem;
  }
}

import type { Dialect, DialectError, DialectRequest, DialectStream } from '../dialect.ts';
import type { OpenAiError } from '../errors.ts';
import type { Usage } from '../usage.ts';

type Route = 'chat/completions' | 'completions';
type AnswerOptions = { readonly model: string; readonly createdSec: number; readonly route: Route };

/** The translation between OpenAI's calls and Anthropic's; see `anthropic/translation.ts`. */
export type Translation = {
  messagesRequest(
    route: Route,
    body: Record<string, unknown>,
    options: { readonly model: string; readonly maxTokensDefault: number },
  ): { readonly body: Record<string, unknown>; readonly isStream: boolean; readonly includeUsage: boolean };
  usageOf(usage: unknown): Usage;
  /** Throws a TypeError for what is no answer of the Messages API. */
  chatCompletion(message: unknown, options: AnswerOptions): Record<string, unknown>;
  CompletionStream: new (
    options: AnswerOptions & { readonly includeUsage: boolean },
  ) => {
    push(bytes: Buffer): Buffer;
    readonly isDone: boolean;
    readonly failure: OpenAiError | null;
    readonly usage: Usage | null;
  };
  anthropicError(
    status: number,
    body: string,
    headers: Record<string, string | string[] | undefined>,
  ): DialectError;
};

const MESSAGES_PATH = '/v1/messages';
/** The Messages API wants a limit; OpenAI's does not. */
const MAX_TOKENS_DEFAULT = 4_096;

/** Speaks with the Messages API for callers of OpenAI's. */
export function anthropicDialect(translation: Translation): Dialect {
  return {
    request({ route, body, model }): DialectRequest {
      const ownRoute: Route = route === 'completions' ? 'completions' : 'chat/completions';
      const maxTokensDefault = MAX_TOKENS_DEFAULT;
      const asked = translation.messagesRequest(ownRoute, body, { model, maxTokensDefault });
      const options = { model, createdSec: Math.floor(Date.now() / 1_000), route: ownRoute };
      return {
        path: MESSAGES_PATH,
        bytes: Buffer.from(JSON.stringify(asked.body)),
        answer: (bytes) => answerOf(translation, bytes, options),
        stream: () => streamOf(translation, { ...options, includeUsage: asked.includeUsage }),
        error: (status, said, headers) => translation.anthropicError(status, said, { ...headers }),
      };
    },
  };
}

function answerOf(translation: Translation, bytes: Buffer, options: AnswerOptions) {
  try {
    const message: { usage?: unknown } = JSON.parse(bytes.toString('utf8'));
    const body = translation.chatCompletion(message, options);
    return { body: Buffer.from(JSON.stringify(body)), usage: translation.usageOf(message.usage) };
  } catch {
    return null; // No answer of the Messages API, whatever else it is.
  }
}

function streamOf(
  translation: Translation,
  options: AnswerOptions & { readonly includeUsage: boolean },
): DialectStream {
  const stream = new translation.CompletionStream(options);
  return {
    push: (bytes) => stream.push(bytes),
    get isDone() {
      return stream.isDone;
    },
    get hasFailed() {
      return stream.failure !== null;
    },
    get usage() {
      return stream.usage;
    },
  };
}

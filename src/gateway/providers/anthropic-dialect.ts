import type { AnswerOptions } from '../anthropic/answer.ts';
import {
  anthropicError,
  CompletionStream,
  chatCompletion,
  MESSAGES_PATH,
  messagesRequest,
  type Route,
  usageOf,
} from '../anthropic/translation.ts';
import type { Dialect, DialectRequest, DialectStream } from '../dialect.ts';

/** The Messages API wants a limit; OpenAI's does not. */
const MAX_TOKENS_DEFAULT = 4_096;

/** Speaks with the Messages API for callers of OpenAI's. */
export const ANTHROPIC_DIALECT: Dialect = {
  request({ route, body, model }): DialectRequest {
    const ownRoute: Route = route === 'completions' ? 'completions' : 'chat/completions';
    const asked = messagesRequest(ownRoute, body, { model, maxTokensDefault: MAX_TOKENS_DEFAULT });
    const options = { model, createdSec: Math.floor(Date.now() / 1_000), route: ownRoute };
    return {
      path: MESSAGES_PATH,
      bytes: Buffer.from(JSON.stringify(asked.body)),
      answer: (bytes) => answerOf(bytes, options),
      stream: () => streamOf({ ...options, includeUsage: asked.includeUsage }),
      error: (status, said, headers) => anthropicError(status, said, { ...headers }),
    };
  },
};

function answerOf(bytes: Buffer, options: AnswerOptions) {
  try {
    const message: { usage?: unknown } = JSON.parse(bytes.toString('utf8'));
    const body = chatCompletion(message, options);
    return { body: Buffer.from(JSON.stringify(body)), usage: usageOf(message.usage) };
  } catch {
    return null; // No answer of the Messages API, whatever else it is.
  }
}

function streamOf(options: AnswerOptions & { readonly includeUsage: boolean }): DialectStream {
  const stream = new CompletionStream(options);
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

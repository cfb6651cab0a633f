/** OpenAI's chat completions and completions over Anthropic's Messages API: what the gateway is given of it. */
export { type AnswerOptions, chatCompletion, type Usage, usageOf } from './answer.ts';
export { type AnthropicError, anthropicError } from './api-errors.ts';
export { CompletionStream } from './completion-stream.ts';
export { type MessagesRequest, messagesRequest } from './request.ts';
export type { Route } from './wire.ts';

/** A content block of the Messages API, in either direction. */
export type Block = { readonly type: string; readonly [field: string]: unknown };

export type Turn = { readonly role: 'user' | 'assistant'; readonly content: Block[] };

/** Which of OpenAI's calls is answered. */
export type Route = 'chat/completions' | 'completions';

export const MESSAGES_PATH = '/v1/messages';
export const ANTHROPIC_VERSION = '2023-06-01';

/** What every call of the Messages API carries. */
export function messagesHeaders(apiKey: string): Record<string, string> {
  return { 'x-api-key': apiKey, 'anthropic-version': ANTHROPIC_VERSION, 'content-type': 'application/json' };
}

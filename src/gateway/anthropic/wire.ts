/** A content block of the Messages API, in either direction. */
export type Block = { readonly type: string; readonly [field: string]: unknown };

export type Turn = { readonly role: 'user' | 'assistant'; readonly content: Block[] };

/** Which of OpenAI's calls is answered. */
export type Route = 'chat/completions' | 'completions';

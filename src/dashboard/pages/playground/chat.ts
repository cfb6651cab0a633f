/** A streamed chat completion of the gateway, as it comes. */

export type Message = { readonly role: 'system' | 'user' | 'assistant'; readonly content: string };

export type ChatOrder = {
  readonly model: string;
  readonly messages: readonly Message[];
  readonly temperature: number;
  readonly maxTokens: number;
  readonly signal: AbortSignal;
};

/** What is known of an answer so far; `text` grows. */
export type Answer = {
  readonly text: string;
  readonly provider: string | null;
  readonly session: string | null;
  readonly attempts: number | null;
  readonly firstTokenMs: number | null;
  readonly streamedMs: number;
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  /** Pieces that came: about a token each, until the usage tells. */
  readonly pieces: number;
  readonly problem: string | null;
  readonly isDone: boolean;
};

const NOTHING: Answer = {
  text: '',
  provider: null,
  session: null,
  attempts: null,
  firstTokenMs: null,
  streamedMs: 0,
  promptTokens: null,
  completionTokens: null,
  pieces: 0,
  problem: null,
  isDone: false,
};

const BROKEN_OFF = 'The answer broke off before its end.';

/** The answer each time more of it is known. Never throws: what goes wrong is its `problem`. */
export async function* ask({
  model,
  messages,
  temperature,
  maxTokens,
  signal,
}: ChatOrder): AsyncGenerator<Answer> {
  const startedMs = performance.now();
  let answer = NOTHING;
  try {
    const response = await fetch('/v1/chat/completions', {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model,
        messages,
        temperature,
        max_tokens: maxTokens,
        stream: true,
        stream_options: { include_usage: true },
      }),
      signal,
    });
    answer = { ...answer, ...saidBy(response) };
    if (!response.ok || response.body === null) {
      yield { ...answer, problem: await refusalIn(response), isDone: true };
      return;
    }
    let isWhole = false;
    for await (const data of eventsOf(response.body)) {
      isWhole = data === '[DONE]';
      if (isWhole) break;
      answer = withEvent(answer, data, performance.now() - startedMs);
      yield answer;
    }
    const problem = answer.problem ?? (isWhole ? null : BROKEN_OFF);
    yield { ...answer, problem, isDone: true };
  } catch (error) {
    const problem = signal.aborted
      ? 'Stopped. The model was told to stop too.'
      : `The connection broke: ${error instanceof Error ? error.message : String(error)}`;
    yield { ...answer, problem, isDone: true };
  }
}

function saidBy({ headers }: Response): Partial<Answer> {
  const attempts = headers.get('x-leash-attempts');
  return {
    provider: headers.get('x-leash-provider'),
    session: headers.get('x-leash-session'),
    attempts: attempts === null ? null : Number(attempts),
  };
}

type Chunk = {
  readonly choices?: readonly { readonly delta?: { readonly content?: string | null } }[];
  readonly usage?: { readonly prompt_tokens?: number; readonly completion_tokens?: number } | null;
  readonly error?: { readonly message?: string };
};

function withEvent(answer: Answer, data: string, atMs: number): Answer {
  const chunk = JSON.parse(data) as Chunk;
  if (chunk.error !== undefined) return { ...answer, problem: chunk.error.message ?? BROKEN_OFF };
  const piece = chunk.choices?.[0]?.delta?.content ?? '';
  return {
    ...answer,
    text: answer.text + piece,
    pieces: answer.pieces + (piece === '' ? 0 : 1),
    firstTokenMs: answer.firstTokenMs ?? (piece === '' ? null : atMs),
    streamedMs: piece === '' ? answer.streamedMs : atMs - (answer.firstTokenMs ?? atMs),
    promptTokens: chunk.usage?.prompt_tokens ?? answer.promptTokens,
    completionTokens: chunk.usage?.completion_tokens ?? answer.completionTokens,
  };
}

/** The data of each server-sent event of a body. */
async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = '';
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      const events = rest.split(/\r?\n\r?\n/);
      rest = events.pop() ?? '';
      for (const event of events)
        for (const line of event.split(/\r?\n/)) if (line.startsWith('data:')) yield line.slice(5).trim();
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function refusalIn(response: Response): Promise<string> {
  const body = (await response.json().catch(() => null)) as { error?: { message?: string } } | null;
  const retryAfter = response.headers.get('retry-after');
  const said = body?.error?.message ?? `The gateway answered ${response.status}.`;
  return retryAfter === null ? said : `${said} Try again in ${retryAfter} s.`;
}

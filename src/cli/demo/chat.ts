import { request } from 'undici';
import { z } from 'zod';
import { CommandError, EXIT } from '../exit-code.ts';

type Question = {
  readonly apiUrl: string;
  readonly token: string;
  readonly model: string;
  readonly content: string;
  readonly maxTokens: number;
  /** Called with each piece of the answer as it arrives. */
  readonly onText: (text: string) => void;
};

export type Chatted = { readonly pieces: number; readonly firstPieceMs: number; readonly tookMs: number };

const CHAT_TIMEOUT_MS = 60_000;

const chunkSchema = z.object({
  choices: z.array(z.object({ delta: z.object({ content: z.string().nullish() }) })).default([]),
});

/** One streamed chat completion through the gateway. Throws when it is refused or ends without its end mark. */
export async function streamChat(question: Question): Promise<Chatted> {
  const startedMs = performance.now();
  const answer = await request(`${question.apiUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${question.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: question.model,
      stream: true,
      max_tokens: question.maxTokens,
      messages: [{ role: 'user', content: question.content }],
    }),
    signal: AbortSignal.timeout(CHAT_TIMEOUT_MS),
  });
  if (answer.statusCode !== 200) {
    const said = (await answer.body.text()).slice(0, 500);
    throw new CommandError(EXIT.failed, `The gateway answered ${answer.statusCode}: ${said}`);
  }
  let pieces = 0;
  let firstPieceMs = 0;
  for await (const data of eventData(answer.body)) {
    if (data === '[DONE]') return { pieces, firstPieceMs, tookMs: performance.now() - startedMs };
    const text = chunkSchema.parse(JSON.parse(data)).choices[0]?.delta.content ?? '';
    if (text === '') continue;
    pieces += 1;
    firstPieceMs ||= performance.now() - startedMs;
    question.onText(text);
  }
  throw new CommandError(EXIT.failed, 'The stream broke off before its [DONE].');
}

/** The `data:` of each server-sent event. */
async function* eventData(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of body) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split(/\r?\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('data:')) yield line.slice('data:'.length).trim();
    }
  }
}

import type { CompletionStream } from '../../../src/gateway/anthropic/translation.ts';

type Chunk = Record<string, unknown> & { choices: Choice[] };
type Choice = { delta?: Delta; text?: string; finish_reason: string | null };
type Delta = { content?: string; reasoning_content?: string; refusal?: string; tool_calls?: CallPart[] };
type CallPart = { index: number; id?: string; type?: string; function: { name?: string; arguments: string } };

/** The data of the events in a stream of OpenAI's, each of which has to be whole; comments are passed over. */
export function dataOf(bytes: Buffer): string[] {
  const text = bytes.toString('utf8');
  if (text !== '' && !text.endsWith('\n\n'))
    throw new Error(`the last event is not whole: ${text.slice(-80)}`);
  return text
    .split('\n\n')
    .filter((event) => event !== '' && !event.startsWith(':'))
    .map((event) => {
      if (!/^data: [^\n]*$/.test(event)) throw new Error(`this is no event of OpenAI’s: ${event}`);
      return event.slice('data: '.length);
    });
}

/** The chunks of a stream that ended well. */
export function chunksOf(bytes: Buffer): Chunk[] {
  const data = dataOf(bytes);
  if (data.pop() !== '[DONE]') throw new Error('the stream does not end with [DONE]');
  return data.map((each) => JSON.parse(each));
}

/** What a client makes of the chunks: one answer. */
export function gathered(chunks: Chunk[]): Record<string, unknown> {
  const deltas = chunks.flatMap(({ choices }) => choices.flatMap(({ delta }) => (delta ? [delta] : [])));
  const reasons = chunks.flatMap(({ choices }) =>
    choices.flatMap(({ finish_reason: reason }) => reason ?? []),
  );
  const calls: { id: unknown; type: unknown; function: { name: unknown; arguments: string } }[] = [];
  for (const part of deltas.flatMap((delta) => delta.tool_calls ?? [])) {
    const call = calls[part.index];
    if (call) call.function.arguments += part.function.arguments;
    else
      calls[part.index] = {
        id: part.id,
        type: part.type,
        function: { name: part.function.name, arguments: part.function.arguments },
      };
  }
  const joined = (field: 'content' | 'reasoning_content' | 'refusal') =>
    deltas.map((delta) => delta[field] ?? '').join('');
  return {
    content: joined('content'),
    reasoning: joined('reasoning_content'),
    refusal: joined('refusal'),
    calls: calls.map(({ id, type, function: { name, arguments: json } }) => ({
      id,
      type,
      name,
      input: JSON.parse(json),
    })),
    reasons,
    usage: chunks.at(-1)?.choices.length === 0 ? chunks.at(-1)?.usage : undefined,
  };
}

/** The same of an answer that came whole. */
export function asGathered(answer: Record<string, unknown>): Record<string, unknown> {
  const [choice] = answer.choices as { message: Record<string, unknown>; finish_reason: string }[];
  const { message, finish_reason: reason } = choice ?? { message: {}, finish_reason: '' };
  const calls = (message.tool_calls ?? []) as {
    id: string;
    type: string;
    function: { name: string; arguments: string };
  }[];
  return {
    content: message.content ?? '',
    reasoning: message.reasoning_content ?? '',
    refusal: message.refusal ?? '',
    calls: calls.map(({ id, type, function: { name, arguments: json } }) => ({
      id,
      type,
      name,
      input: JSON.parse(json),
    })),
    reasons: [reason],
    usage: answer.usage,
  };
}

/** All that comes out of a stream when these pieces go in. */
export function through(stream: CompletionStream, pieces: readonly Buffer[]): Buffer {
  return Buffer.concat([...pieces.map((piece) => stream.push(piece)), stream.end()]);
}

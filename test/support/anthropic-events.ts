import type { AnswerBlock, AnswerMessage } from './anthropic-answers.ts';

type Event = { readonly type: string; readonly [field: string]: unknown };
export type EventOptions = { readonly lineEnd?: '\n' | '\r\n'; readonly pieceCharacters?: number };

/** The events of an answer as the API streams them, each as its bytes. */
export function eventsOf(message: AnswerMessage, options: EventOptions = {}): Buffer[] {
  return messageEvents(message, options.pieceCharacters ?? 5).map((event) => eventBytes(event, options));
}

export function eventBytes(event: Event, { lineEnd = '\n' }: EventOptions = {}): Buffer {
  return Buffer.from([`event: ${event.type}`, `data: ${JSON.stringify(event)}`, '', ''].join(lineEnd));
}

function messageEvents(message: AnswerMessage, pieceCharacters: number): Event[] {
  const { content, stop_reason, stop_sequence, stop_details, usage, ...head } = message;
  const { output_tokens, ...read } = usage;
  const start = {
    ...head,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...read, output_tokens: 1 },
  };
  return [
    { type: 'message_start', message: start },
    ...content.flatMap((block, index): Event[] => [
      { type: 'content_block_start', index, content_block: empty(block) },
      ...(index === 0 ? [{ type: 'ping' }] : []),
      ...deltasOf(block, pieceCharacters).map((delta) => ({ type: 'content_block_delta', index, delta })),
      { type: 'content_block_stop', index },
    ]),
    {
      type: 'message_delta',
      delta: { stop_reason, stop_sequence, ...(stop_details && { stop_details }) },
      usage: { output_tokens },
    },
    { type: 'message_stop' },
  ];
}

function empty(block: AnswerBlock): Record<string, unknown> {
  switch (block.type) {
    case 'text':
      return { ...block, text: '' };
    case 'thinking':
      return { ...block, thinking: '', signature: '' };
    case 'tool_use':
      return { ...block, input: {} };
    case 'redacted_thinking':
      return block;
  }
}

function deltasOf(block: AnswerBlock, pieceCharacters: number): Event[] {
  switch (block.type) {
    case 'text':
      return pieces(block.text, pieceCharacters).map((text) => ({ type: 'text_delta', text }));
    case 'thinking':
      return [
        ...pieces(block.thinking, pieceCharacters).map((thinking) => ({ type: 'thinking_delta', thinking })),
        { type: 'signature_delta', signature: block.signature },
      ];
    case 'tool_use': {
      const json = Object.keys(block.input).length > 0 ? JSON.stringify(block.input) : '';
      return ['', ...pieces(json, pieceCharacters)].map((part) => ({
        type: 'input_json_delta',
        partial_json: part,
      }));
    }
    case 'redacted_thinking':
      return [];
  }
}

/** By whole characters. */
function pieces(text: string, characters: number): string[] {
  const all = [...text];
  return Array.from({ length: Math.ceil(all.length / characters) }, (_, index) =>
    all.slice(index * characters, (index + 1) * characters).join(''),
  );
}

import { eventually } from './eventually.ts';

export type StreamedEvent = {
  readonly event: string;
  readonly id: string;
  readonly data: Record<string, unknown>;
};

export type EventStream = AsyncDisposable & {
  readonly events: readonly StreamedEvent[];
  readonly status: number;
  /** Whether the server has ended it. */
  hasEnded(): boolean;
  /** Waits for an event that is as wanted. */
  until(what: string, isSo: (event: StreamedEvent) => boolean, withinMs?: number): Promise<StreamedEvent>;
};

/** Listens to server-sent events as a browser does. */
export async function openEventStream(
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<EventStream> {
  const stop = new AbortController();
  const answer = await fetch(url, { headers, signal: stop.signal });
  const events: StreamedEvent[] = [];
  let hasEnded = false;
  const reading = read(answer, events)
    .catch(() => undefined)
    .then(() => {
      hasEnded = true;
    });
  return {
    events,
    status: answer.status,
    hasEnded: () => hasEnded,
    until: (what, isSo, withinMs = 30_000) =>
      eventually(
        () =>
          `${what}; seen: ${events.map(({ event, data }) => `${event} ${JSON.stringify(data)}`).join('\n')}`,
        () => events.find(isSo),
        withinMs,
      ),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await reading;
    },
  };
}

async function read(answer: Response, events: StreamedEvent[]): Promise<void> {
  let text = '';
  for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map(
        block.split('\n').map((line) => {
          const at = line.indexOf(': ');
          return [line.slice(0, at), line.slice(at + 2)] as const;
        }),
      );
      const [event, id, data] = [fields.get('event'), fields.get('id'), fields.get('data')];
      if (event !== undefined && id !== undefined && data !== undefined)
        events.push({ event, id, data: JSON.parse(data) as Record<string, unknown> });
    }
  }
}

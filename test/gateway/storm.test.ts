import { expect, test } from 'vitest';
import { type HttpEdge, startHttpEdge } from '../support/http-edge.ts';
import { type Behaviour, endJson, eventOf, FAILURES, startProvider } from '../support/providers.ts';
import { chat, labelOf, MODEL } from './upstreams.ts';

/** Says what it was asked, so that no answer can be taken for another's. */
const echo =
  (name: string): Behaviour =>
  (response, { body }) => {
    const [message] = body.messages as { content: string }[];
    const said = `${name}:${message?.content}`;
    if (body.stream !== true) {
      endJson(response, 200, { object: 'chat.completion', choices: [{ message: { content: said } }] });
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const piece of said.match(/.{1,4}/g) ?? []) response.write(eventOf({ content: piece }));
    response.end('data: [DONE]\n\n');
  };

/** Cuts a stream in its middle, and an answer in its. */
const cut: Behaviour = (response, { body }) => {
  response.writeHead(200, {
    'content-type': body.stream === true ? 'text/event-stream' : 'application/json',
  });
  response.write(body.stream === true ? `${eventOf({ content: 'half' })}data: {"cho` : '{"choices":[{', () =>
    setTimeout(() => response.destroy(), 5),
  );
};

const TROUBLE: readonly Behaviour[] = [...Object.values(FAILURES), cut];

type Verdict = 'whole' | 'told' | 'refused' | 'wrong';

test('in a storm of failures no answer is wrong, none is cut short in silence, and all are served that can be', async () => {
  await using one = await startProvider('one', echo('one'));
  await using two = await startProvider('two', echo('two'));
  await using steady = await startProvider('steady', echo('steady'));
  const list = [
    { name: 'two', url: two.url, models: [MODEL] },
    { name: 'steady', url: steady.url, models: [MODEL] },
  ];
  await using edge = await startHttpEdge({
    deadlines: { connectMs: 2_000, firstEventMs: 1_500, headersMs: 1_500, betweenChunksMs: 1_500 },
    settings: {
      GATEWAY_PROVIDERS: JSON.stringify(list),
      GATEWAY_ORDER: 'vastai,two,steady',
      GATEWAY_BREAKER_OPEN_SECONDS: '0.05',
    },
  });
  let generation = 0;
  const place = () => {
    generation += 1;
    edge.sessions.table.splice(0, edge.sessions.table.length, {
      session: 'default',
      model: MODEL,
      endpoint: `${one.url}/v1`,
      label: labelOf('default').replace('.1.x', `.${generation}.x`),
      instanceId: generation,
    });
  };
  place();

  let sent = 0;
  const verdicts: Record<Verdict, number> = { whole: 0, told: 0, refused: 0, wrong: 0 };
  const stir = () => {
    // A provider changes its mind every ten requests; every fifty the session is destroyed or replaced.
    if (sent % 10 === 0) one.behave(pick(TROUBLE, sent / 10) ?? echo('one'));
    if (sent % 10 === 5) one.behave(echo('one'));
    if (sent % 14 === 0) two.behave(pick(TROUBLE, sent / 14 + 5) ?? echo('two'));
    if (sent % 14 === 9) two.behave(echo('two'));
    if (sent % 50 === 0) place();
    if (sent % 50 === 25) edge.sessions.table.splice(0);
  };
  const worker = async () => {
    while (sent < 1_200) {
      const number = sent;
      sent += 1;
      stir();
      verdicts[await judge(edge, { number, isStream: number % 6 === 0 })] += 1;
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  expect(verdicts).toMatchObject({ wrong: 0, refused: 0 });
  expect(verdicts.whole + verdicts.told).toBe(1_200);
  // Only a stream that was cut after its first event may end with an error.
  expect(verdicts.told).toBeLessThan(200);
  expect(steady.seen.length).toBeGreaterThan(0);
  expect(one.seen.length).toBeGreaterThan(100);
}, 120_000);

async function judge(
  edge: HttpEdge,
  { number, isStream }: { number: number; isStream: boolean },
): Promise<Verdict> {
  const content = `question ${number}`;
  const answer = await edge.ask('/v1/chat/completions', {
    json: chat({ stream: isStream, messages: [{ role: 'user', content }] }),
  });
  const text = await answer.text();
  if (answer.status !== 200) return 'refused';
  if (!isStream) {
    const said: string = JSON.parse(text).choices[0].message.content;
    return said.endsWith(`:${content}`) ? 'whole' : 'wrong';
  }
  const events = text.trimEnd().split('\n\n');
  if (events.at(-1) !== 'data: [DONE]') return text.includes('upstream_interrupted') ? 'told' : 'wrong';
  const said = events
    .slice(0, -1)
    .map((event) => JSON.parse(event.slice('data: '.length)).choices[0].delta.content)
    .join('');
  return said.endsWith(`:${content}`) ? 'whole' : 'wrong';
}

function pick<Item>(items: readonly Item[], at: number): Item | undefined {
  return items[Math.floor(at) % items.length];
}

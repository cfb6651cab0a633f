import { useEffect, useRef, useState } from 'preact/hooks';
import type { ProvidersAnswer } from '../../admin/answers.ts';
import { whyNotAct } from '../account.ts';
import { Button } from '../components/button.tsx';
import { Card } from '../components/card.tsx';
import { Field } from '../components/field.tsx';
import { Empty, Note } from '../components/states.tsx';
import { usePageTitle } from '../page-title.ts';
import { useResource } from '../resource.ts';
import { AnswerFacts } from './playground/answer-facts.tsx';
import { type Answer, ask, type Message } from './playground/chat.ts';
import { ChatSettings, type Choices } from './playground/chat-settings.tsx';

type Turn = { readonly question: string; readonly answer: Answer | null };

/** A chat through the gateway as any application has it; nothing of it is kept. */
export function PlaygroundPage() {
  usePageTitle('Playground');
  const models = useResource<{ data: { id: string }[] }>('/v1/models', { everyMs: 30_000 });
  const providers = useResource<ProvidersAnswer>('/api/admin/providers', { everyMs: 15_000 });
  const [choices, setChoices] = useState<Choices>({
    model: '',
    system: '',
    temperature: 0.7,
    maxTokens: 512,
  });
  const [turns, setTurns] = useState<readonly Turn[]>([]);
  const [typed, setTyped] = useState('');
  const running = useRef<AbortController | null>(null);
  // Nobody reads on who has left the page, and the GPU has better to do.
  useEffect(() => () => running.current?.abort(), []);
  const isRunning =
    turns.at(-1)?.answer?.isDone === false || (turns.length > 0 && turns.at(-1)?.answer === null);

  const send = async () => {
    const question = typed.trim();
    if (question === '' || isRunning) return;
    setTyped('');
    const turn = new AbortController();
    running.current = turn;
    const before = turns;
    setTurns([...before, { question, answer: null }]);
    const messages = messagesOf(choices.system, before, question);
    const model = choices.model === '' ? 'default' : choices.model;
    for await (const answer of ask({ ...choices, model, messages, signal: turn.signal }))
      setTurns([...before, { question, answer }]);
  };

  return (
    <>
      <div class="page-head">
        <h1>Playground</h1>
        <Button disabled={turns.length === 0 || isRunning} onClick={() => setTurns([])}>
          New conversation
        </Button>
      </div>
      <ChatSettings
        choices={choices}
        models={models.data?.data.map(({ id }) => id) ?? []}
        onChange={setChoices}
      />
      {providers.data?.active === null && (
        <Note tone="warn">
          Nobody can answer now: no session is READY and no other provider is configured.
        </Note>
      )}
      <Card>
        {turns.length === 0 ? (
          <Empty title="Ask something.">
            <p>It goes through the gateway like every other request, and counts as use of the session.</p>
          </Empty>
        ) : (
          <ol class="turns">
            {turns.map((turn, at) => (
              <ShownTurn key={at} turn={turn} providers={providers.data} />
            ))}
          </ol>
        )}
        <form
          class="ask"
          onSubmit={(event) => {
            event.preventDefault();
            void send();
          }}
        >
          <Field label="Message" hint="Enter sends, Shift and Enter begin a new line.">
            {(wiring) => (
              <textarea
                {...wiring}
                rows={3}
                value={typed}
                onInput={(event) => setTyped(event.currentTarget.value)}
                onKeyDown={(event) => {
                  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
                  event.preventDefault();
                  if (whyNotAct.value === undefined) void send();
                }}
              />
            )}
          </Field>
          <div class="row row-end">
            {isRunning && (
              <Button icon="stop" onClick={() => running.current?.abort()}>
                Stop
              </Button>
            )}
            <Button kind="primary" type="submit" whyNot={whyNotAct.value} isBusy={isRunning}>
              Send
            </Button>
          </div>
        </form>
      </Card>
    </>
  );
}

function ShownTurn({
  turn: { question, answer },
  providers,
}: {
  turn: Turn;
  providers: ProvidersAnswer | null;
}) {
  return (
    <li class="turn">
      <p class="turn-question break">
        <span class="visually-hidden">You: </span>
        {question}
      </p>
      <div class="turn-answer" aria-live="polite" aria-busy={answer?.isDone !== true}>
        {answer === null || (answer.text === '' && answer.problem === null) ? (
          <p class="quiet">…</p>
        ) : (
          <p class="break turn-text">{answer.text}</p>
        )}
        {answer?.problem != null && <Note tone="bad">{answer.problem}</Note>}
        {answer !== null && <AnswerFacts answer={answer} providers={providers} />}
      </div>
    </li>
  );
}

/** What was said before is said again: the model remembers nothing. */
function messagesOf(system: string, turns: readonly Turn[], question: string): Message[] {
  return [
    ...(system.trim() === '' ? [] : [{ role: 'system', content: system } as const]),
    ...turns.flatMap(({ question, answer }): Message[] =>
      answer === null || answer.text === ''
        ? []
        : [
            { role: 'user', content: question },
            { role: 'assistant', content: answer.text },
          ],
    ),
    { role: 'user', content: question },
  ];
}

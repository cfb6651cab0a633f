import { useState } from 'preact/hooks';
import type { StatusAnswer } from '../../../admin/answers.ts';
import { stateWord } from '../../components/chip.tsx';
import { Empty } from '../../components/states.tsx';
import { CompactSessions } from './compact-sessions.tsx';
import { SessionCard } from './session-card.tsx';

/** Beyond so many, a card for each is more than anybody can take in. */
const CARDS_MAX = 24;
const FILTER_FROM = 7;

export function OpenSessions({ all }: { all: readonly StatusAnswer[] }) {
  const [text, setText] = useState('');
  const [state, setState] = useState('');
  const shown = all.filter(
    (status) =>
      status.session.includes(text.trim().toLowerCase()) && (state === '' || status.state === state),
  );
  return (
    <section class="stack" aria-labelledby="open-sessions">
      <div class="row row-between">
        <h2 id="open-sessions">
          Open sessions <span class="quiet num">{countText(shown.length, all.length)}</span>
        </h2>
        {all.length >= FILTER_FROM && (
          <div class="row filters">
            <input
              type="search"
              aria-label="Filter by name"
              placeholder="Filter by name"
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
            <select
              aria-label="Filter by state"
              value={state}
              onChange={(event) => setState(event.currentTarget.value)}
            >
              <option value="">Every state</option>
              {statesOf(all).map((one) => (
                <option key={one} value={one}>
                  {stateWord(one)}
                </option>
              ))}
            </select>
          </div>
        )}
      </div>
      {shown.length === 0 && <Empty title="No open session is like that." />}
      {shown.length > CARDS_MAX ? (
        <CompactSessions all={shown} />
      ) : (
        <div class="grid-cards">
          {shown.map((status) => (
            <SessionCard key={status.session} status={status} />
          ))}
        </div>
      )}
    </section>
  );
}

function countText(shown: number, all: number): string {
  return shown === all ? String(all) : `${shown} of ${all}`;
}

function statesOf(all: readonly StatusAnswer[]): StatusAnswer['state'][] {
  return [...new Set(all.map(({ state }) => state))].sort();
}

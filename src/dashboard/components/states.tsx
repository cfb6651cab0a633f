import type { ComponentChildren } from 'preact';
import type { ApiProblem } from '../api.ts';
import { connection } from '../live.ts';
import type { Resource } from '../resource.ts';
import { Button } from './button.tsx';
import { Icon } from './icon.tsx';

/** What a page shows instead of its content: nothing there, not yet there, not to be had. */

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** Holds the height of what is to come, so that nothing jumps when it comes. */
export function Loading({ lines = 3, label = 'Loading' }: { lines?: number; label?: string }) {
  return (
    <div class="loading" role="status" aria-label={label}>
      {Array.from({ length: lines }, (_, index) => (
        <span class="loading-line" key={index} />
      ))}
    </div>
  );
}

export function ProblemNote({ problem, retry }: { problem: ApiProblem; retry?: () => void }) {
  return (
    <div class="note note-bad" role="alert">
      <Icon name="warning" />
      <div class="stack-tight">
        <p class="break">{problem.message}</p>
        {problem.problems.length > 0 && (
          <ul class="problem-list">
            {problem.problems.map(({ field, allowed }) => (
              <li key={field} class="break">
                <strong>{field}</strong>: {allowed}
              </li>
            ))}
          </ul>
        )}
      </div>
      {retry !== undefined && <Button onClick={retry}>Try again</Button>}
    </div>
  );
}

export function Note({
  tone = 'info',
  children,
}: {
  tone?: 'info' | 'warn' | 'bad';
  children: ComponentChildren;
}) {
  return (
    <div class={`note note-${tone}`}>
      <Icon name={tone === 'info' ? 'info' : 'warning'} />
      <div class="break">{children}</div>
    </div>
  );
}

type ShownProps<Answer> = {
  readonly of: Resource<Answer>;
  readonly lines?: number;
  readonly children: (data: Answer) => ComponentChildren;
};

/** A resource in whichever state it is; what was read before stays in sight under a note of what is wrong now. */
export function Shown<Answer>({ of, lines = 4, children }: ShownProps<Answer>) {
  // That the server is away is said once, at the top of the page.
  const isSaid = of.problem?.isOffline === true && of.data !== null && connection.value === 'lost';
  return (
    <>
      {of.problem !== null && !isSaid && <ProblemNote problem={of.problem} retry={of.refresh} />}
      {of.data !== null ? children(of.data) : of.problem === null && <Loading lines={lines} />}
    </>
  );
}

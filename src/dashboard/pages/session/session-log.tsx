import { useEffect, useRef, useState } from 'preact/hooks';
import type { LogsAnswer, StatusAnswer } from '../../../admin/answers.ts';
import { Button } from '../../components/button.tsx';
import { Card } from '../../components/card.tsx';
import { Empty, Shown } from '../../components/states.tsx';
import { useResource } from '../../resource.ts';

const LINES = 500;
/** The provider writes the log anew for each question; oftener than this it refuses. */
const FOLLOW_MS = 10_000;

/** While a container runs. What was read before stays in sight afterwards. */
const READABLE: ReadonlySet<StatusAnswer['state']> = new Set(['STARTING_VLLM', 'READY']);

/** The newest lines of the container's log, through the provider. */
export function SessionLog({ status }: { status: StatusAnswer }) {
  const isReadable = READABLE.has(status.state);
  const [isFollowed, setIsFollowed] = useState(false);
  const [text, setText] = useState('');
  const log = useResource<LogsAnswer>(
    isReadable ? `/api/admin/sessions/${status.session}/logs?tail=${LINES}` : null,
    { everyMs: isFollowed ? FOLLOW_MS : undefined, keepsLast: true },
  );
  const stateRead = useRef(status.state);
  useEffect(() => {
    // What stood there before the model was loaded says nothing of what came after.
    if (status.state === 'READY' && stateRead.current !== 'READY') log.refresh();
    stateRead.current = status.state;
  }, [status.state, log.refresh]);
  const hasLog = isReadable || log.data !== null;
  return (
    <Card
      title="Log"
      aside={
        isReadable && (
          <Button isBusy={log.isLoading} onClick={log.refresh}>
            Refresh
          </Button>
        )
      }
    >
      {!hasLog ? (
        <Empty title="No log to read.">
          <p>The provider has one from the start of the container until the instance is gone.</p>
        </Empty>
      ) : (
        <>
          <div class="row filters">
            <input
              type="search"
              aria-label="Only lines that contain"
              placeholder="Only lines that contain"
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
            <label class="check">
              <input
                type="checkbox"
                checked={isFollowed}
                onChange={(event) => setIsFollowed(event.currentTarget.checked)}
              />
              Follow
            </label>
          </div>
          <Shown of={log} lines={8}>
            {({ lines }) => <Lines lines={matching(lines, text)} isFollowed={isFollowed} />}
          </Shown>
        </>
      )}
    </Card>
  );
}

function Lines({ lines, isFollowed }: { lines: readonly string[]; isFollowed: boolean }) {
  const place = useRef<HTMLElement>(null);
  const newest = lines.at(-1);
  useEffect(() => {
    const element = place.current;
    if (element !== null) element.scrollTop = element.scrollHeight;
  }, [newest, isFollowed]);
  if (lines.length === 0) return <Empty title="No line is like that." />;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls is reached by the keyboard or not at all
    <section ref={place} class="log scroller" tabIndex={0} aria-label="Log lines, newest last">
      <pre>{lines.join('\n')}</pre>
    </section>
  );
}

function matching(lines: readonly string[], text: string): readonly string[] {
  const wanted = text.trim().toLowerCase();
  return wanted === '' ? lines : lines.filter((line) => line.toLowerCase().includes(wanted));
}

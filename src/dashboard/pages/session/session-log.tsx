import { useEffect, useRef, useState } from 'preact/hooks';
import type { LogsAnswer, StatusAnswer } from '../../../admin/answers.ts';
import { Button } from '../../components/button.tsx';
import { Card } from '../../components/card.tsx';
import { Empty, Shown } from '../../components/states.tsx';
import { useResource } from '../../resource.ts';

const LINES = 500;
/** The provider writes the log anew for each question; oftener than this it refuses. */
const FOLLOW_MS = 10_000;

/** The newest lines of the container's log, through the provider. */
export function SessionLog({ status }: { status: StatusAnswer }) {
  const hasInstance = status.instance_id !== null && status.state !== 'IDLE';
  const [isFollowed, setIsFollowed] = useState(false);
  const [text, setText] = useState('');
  const log = useResource<LogsAnswer>(
    hasInstance ? `/api/admin/sessions/${status.session}/logs?tail=${LINES}` : null,
    { everyMs: isFollowed ? FOLLOW_MS : undefined, keepsLast: true },
  );
  return (
    <Card
      title="Log"
      aside={
        hasInstance && (
          <Button isBusy={log.isLoading} onClick={log.refresh}>
            Refresh
          </Button>
        )
      }
    >
      {!hasInstance ? (
        <Empty title="No instance, no log.">
          <p>The provider keeps a log as long as the instance exists.</p>
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

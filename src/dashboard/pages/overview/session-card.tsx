import { memo } from 'preact/compat';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Link } from 'wouter-preact';
import type { StatusAnswer } from '../../../admin/answers.ts';
import { nowMs } from '../../clock.ts';
import { Fact } from '../../components/card.tsx';
import { StateChip } from '../../components/chip.tsx';
import { FailedAttempts } from '../../components/failed-attempts.tsx';
import { HealthDots } from '../../components/health-dots.tsx';
import { SessionActions } from '../../components/session-actions.tsx';
import { KeepAlive, SessionMoney } from '../../components/session-money.tsx';
import { SessionSteps } from '../../components/steps.tsx';
import { usdPerHour } from '../../format.ts';
import { useRecentSamples } from '../../samples.ts';

/** An open session at a glance. */
export const SessionCard = memo(function SessionCard({ status }: { status: StatusAnswer }) {
  const isSick = status.health.consecutive_failures > 0;
  return (
    <article
      class={`card session-card ${isSick ? 'card-warn' : ''}`}
      aria-label={`Session ${status.session}`}
    >
      <header class="card-head">
        <h3 class="card-name">
          <Link href={`/sessions/${status.session}`}>{status.session}</Link>
        </h3>
        <StateChip status={status} />
      </header>
      <p class="quiet small session-detail">{status.detail}</p>
      <SessionSteps status={status} />
      <FailedAttempts status={status} shownMax={1} />
      <dl class="facts facts-narrow">
        <Fact name="GPU">{status.gpu ?? '–'}</Fact>
        <Fact name="Machine">{status.machine_id ?? '–'}</Fact>
        <Fact name="Price">{usdPerHour(status.usd_per_hour)}</Fact>
        <Fact name="Keep-alive">
          <KeepAlive status={status} />
        </Fact>
      </dl>
      <LastHour session={status.session} />
      <SessionMoney status={status} />
      <SessionActions status={status} />
    </article>
  );
});

/** Read only while the card is in sight. */
function LastHour({ session }: { session: string }) {
  const place = useRef<HTMLDivElement>(null);
  const isSeen = useIsSeen(place);
  const samples = useRecentSamples(session, isSeen);
  return (
    <div ref={place} class="last-hour">
      <span class="quiet small">Health, last hour</span>
      <HealthDots samples={samples.data?.items ?? []} nowMs={Math.floor(nowMs.value / 60_000) * 60_000} />
    </div>
  );
}

function useIsSeen(place: { readonly current: HTMLElement | null }): boolean {
  const [isSeen, setIsSeen] = useState(false);
  useEffect(() => {
    if (place.current === null) return;
    const watch = new IntersectionObserver((entries) =>
      setIsSeen(entries.some(({ isIntersecting }) => isIntersecting)),
    );
    watch.observe(place.current);
    return () => watch.disconnect();
  }, [place]);
  return isSeen;
}

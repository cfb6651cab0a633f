import type { StatusAnswer } from '../../../admin/answers.ts';
import { nowMs } from '../../clock.ts';
import { Fact } from '../../components/card.tsx';
import { KeepAlive, SessionMoney } from '../../components/session-money.tsx';
import { clock, clockMinute, duration, secondsSince, usdPerHour } from '../../format.ts';

/** What is so now; once ended, the receipt says it. */
export function SessionFacts({ status }: { status: StatusAnswer }) {
  const isOpen = status.state !== 'IDLE';
  return (
    <>
      <dl class="facts">
        <Fact name="Model">{status.model ?? '–'}</Fact>
        <Fact name="GPU">{status.gpu ?? '–'}</Fact>
        <Fact name="Machine">{status.machine_id ?? '–'}</Fact>
        <Fact name="Instance">{status.instance_id ?? '–'}</Fact>
        <Fact name="Price">{usdPerHour(status.usd_per_hour)}</Fact>
        <Fact name="Started">{clock(status.started_at)}</Fact>
        {isOpen && (
          <>
            <Fact name="Keep-alive">
              <KeepAlive status={status} />
            </Fact>
            <Fact name="Last used">
              {status.last_used_at === null
                ? '–'
                : `${duration(secondsSince(status.last_used_at, nowMs.value))} ago`}
            </Fact>
            <Fact name="Lifetime ends">{clockMinute(status.lifetime_until)}</Fact>
            <Fact name="Health">{healthText(status)}</Fact>
          </>
        )}
      </dl>
      {isOpen && <SessionMoney status={status} />}
    </>
  );
}

function healthText({ health, state }: StatusAnswer): string {
  if (health.consecutive_failures > 0) return `${health.consecutive_failures} looks in a row failed`;
  if (health.last_ok_at === null) return state === 'READY' ? 'Not looked yet' : '–';
  return `Answered ${duration(secondsSince(health.last_ok_at, nowMs.value))} ago`;
}

import type { GuaranteesAnswer } from '../../admin/answers.ts';
import { Ago, Until } from '../components/ago.tsx';
import { Card, Fact } from '../components/card.tsx';
import { Chip, Shape } from '../components/chip.tsx';
import { Empty, Shown } from '../components/states.tsx';
import { Table } from '../components/table.tsx';
import { clock, duration } from '../format.ts';
import { usePageTitle } from '../page-title.ts';
import { useResource } from '../resource.ts';
import { ReapNow } from './guarantees/reap-now.tsx';

const EVERY_MS = 10_000;

export function GuaranteesPage() {
  usePageTitle('Guarantees');
  const guarantees = useResource<GuaranteesAnswer>('/api/admin/guarantees', { everyMs: EVERY_MS });
  return (
    <>
      <div class="page-head">
        <h1>Guarantees</h1>
      </div>
      <Shown of={guarantees} lines={10}>
        {(data) => (
          <div class="stack">
            <Promises state={data} />
            <div class="grid-halves">
              <Reaper reaper={data.reaper} />
              <Audit audit={data.audit} />
            </div>
            <ReapNow onDone={guarantees.refresh} />
            <Guard guard={data.guard} />
            <Orphans state={data} />
          </div>
        )}
      </Shown>
    </>
  );
}

/** The two promises, and whether anything stands against them now. */
function Promises({
  state: { unconfirmed, reaper, orphans_found_ever: orphans },
}: {
  state: GuaranteesAnswer;
}) {
  const leftovers = reaper.left.filter(({ is_claimed }) => !is_claimed).length;
  const isClear = unconfirmed.length === 0 && leftovers === 0;
  return (
    <Card
      title="No orphan, no overspend"
      tone={isClear ? 'plain' : 'warn'}
      aside={
        <Chip tone={isClear ? 'good' : 'warn'}>{isClear ? 'nothing is left over' : 'being cleared up'}</Chip>
      }
    >
      <p>
        No instance goes on after its session has ended, and no session costs more than its budget. What the
        sessions themselves cannot do any more, the reaper and the audit do; what none of ours can, the guard
        in each instance.
      </p>
      <dl class="facts">
        <Fact name="Orphans ever found">{orphans ?? 'not known: the archive cannot be read'}</Fact>
        <Fact name="Left over, watched">{leftovers}</Fact>
        <Fact name="Not seen gone yet">{unconfirmed.length}</Fact>
      </dl>
      {unconfirmed.length > 0 && (
        <ul class="lines">
          {unconfirmed.map(({ session, seconds }) => (
            <li key={session}>
              <strong>{session}</strong>: the provider still shows its instance {duration(seconds)} after our
              DELETE. It is asked again until it is gone.
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function Reaper({ reaper }: { reaper: GuaranteesAnswer['reaper'] }) {
  return (
    <Card title="Reaper">
      <p class="quiet">Lists what carries our label, and destroys what no open session claims.</p>
      <dl class="facts">
        <Fact name="Last run">
          <Ago at={reaper.last_run_at} />
        </Fact>
        <Fact name="Next run">
          <Until at={reaper.next_run_at} />
        </Fact>
        <Fact name="Found">{reaper.found ?? '–'}</Fact>
        <Fact name="Destroyed">{reaper.destroyed ?? '–'}</Fact>
      </dl>
      {reaper.left.length > 0 && (
        <Table
          caption="Left alone by the reaper"
          columns={[
            { key: 'instance', title: 'Instance', cell: ({ instance_id }) => instance_id },
            {
              key: 'why',
              title: 'Left because',
              cell: ({ why, is_claimed }) => (
                <>
                  {!is_claimed && <Shape tone="warn" />} {why}
                </>
              ),
            },
          ]}
          rows={reaper.left}
          keyOf={({ instance_id }) => instance_id}
        />
      )}
    </Card>
  );
}

function Audit({ audit }: { audit: GuaranteesAnswer['audit'] }) {
  return (
    <Card title="Audit">
      <p class="quiet">Holds our books against the provider’s charges, and makes receipts final.</p>
      <dl class="facts">
        <Fact name="Last run">
          <Ago at={audit.last_run_at} />
        </Fact>
        <Fact name="Next run">
          <Until at={audit.next_run_at} />
        </Fact>
        <Fact name="Corrected">{audit.corrected ?? '–'}</Fact>
      </dl>
    </Card>
  );
}

function Guard({ guard }: { guard: GuaranteesAnswer['guard'] }) {
  return (
    <Card
      title="Guard"
      aside={<Chip tone={guard.is_on ? 'good' : 'idle'}>{guard.is_on ? 'on' : 'off'}</Chip>}
    >
      <p class="quiet">
        {guard.is_on
          ? `Each instance ends itself ${guard.minutes} minutes after supervision last renewed its lease.`
          : 'LEASH_GUARD_MINUTES is 0: with nothing of ours running, instances would go on.'}
      </p>
      {guard.sessions.length === 0 ? (
        <Empty title="No instance is guarded now." />
      ) : (
        <Table
          caption="Leases"
          columns={[
            { key: 'session', title: 'Session', cell: ({ session }) => session },
            {
              key: 'instance',
              title: 'Instance',
              isNumber: true,
              isMinor: true,
              cell: ({ instance_id }) => instance_id ?? '–',
            },
            {
              key: 'renewed',
              title: 'Lease renewed',
              isNumber: true,
              cell: ({ last_renewed_at }) => <Ago at={last_renewed_at} />,
            },
            {
              key: 'ends',
              title: 'Ends itself',
              isNumber: true,
              cell: ({ ends_at }) => <Until at={ends_at} />,
            },
          ]}
          rows={guard.sessions}
          keyOf={({ session }) => session}
        />
      )}
    </Card>
  );
}

function Orphans({ state: { orphans } }: { state: GuaranteesAnswer }) {
  return (
    <Card title="Orphans found">
      {orphans.length === 0 ? (
        <Empty title="None so far." />
      ) : (
        <Table
          caption="Orphans found"
          columns={[
            { key: 'at', title: 'Found', cell: ({ at }) => <span class="nowrap num">{clock(at)}</span> },
            { key: 'instance', title: 'Instance', isNumber: true, cell: ({ instance_id }) => instance_id },
            { key: 'why', title: 'Destroyed because', cell: ({ why }) => why },
            {
              key: 'label',
              title: 'Label',
              isMinor: true,
              cell: ({ label }) => <code class="break">{label}</code>,
            },
          ]}
          rows={orphans}
          keyOf={({ at, instance_id }) => `${at} ${instance_id}`}
        />
      )}
    </Card>
  );
}

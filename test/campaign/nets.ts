import { setTimeout as pause } from 'node:timers/promises';
import { parseLabel } from '../../src/domain/label.ts';
import { AUDIT_SCHEDULE_ID, REAP_SCHEDULE_ID } from '../../src/workflows/ids.ts';
import type { Stack } from './stack.ts';

/** A run before it may have been interrupted, and is taken up first. */
const RUN_MS = 150_000;
const ROUNDS_MAX = 4;
/** Charges lag behind the meter, billing runs on for a tail, and what was destroyed takes a moment to go. */
const LAG_MS = 6_000;

/**
 * Lets reaper and audit run to their end, as they would by themselves: an instance that was destroyed by one is
 * seen gone by the next, and a receipt is final once its rows have rested between two audits. What did not complete.
 */
export async function runNets(stack: Stack): Promise<string[]> {
  const failures: string[] = [];
  for (let round = 1; round <= ROUNDS_MAX; round += 1) {
    await pause(LAG_MS);
    const ran = [
      await runSchedule(stack, AUDIT_SCHEDULE_ID, 'auditBudget'),
      await runSchedule(stack, REAP_SCHEDULE_ID, 'reapOrphans'),
    ];
    failures.push(...ran.filter((failure) => failure !== null));
    if (failures.length > 0 || (round >= 2 && !(await hasAlive(stack)))) break;
  }
  return failures;
}

/** Triggered, and waited for until a run that began after that has completed. */
async function runSchedule(
  { client }: Stack,
  scheduleId: string,
  workflowType: string,
): Promise<string | null> {
  const askedAtMs = Date.now();
  const untilMs = askedAtMs + RUN_MS;
  while (Date.now() < untilMs) {
    try {
      await client.withDeadline(Date.now() + 10_000, () =>
        client.schedule.getHandle(scheduleId).trigger('BUFFER_ONE'),
      );
      break;
    } catch {
      await pause(1_000);
    }
  }
  const query = `WorkflowType = '${workflowType}' AND ExecutionStatus = 'Completed' AND StartTime > '${new Date(askedAtMs).toISOString()}'`;
  while (Date.now() < untilMs) {
    const count = await client
      .withDeadline(Date.now() + 10_000, () => client.workflow.count(query))
      .then(({ count }) => count)
      .catch(() => 0);
    if (count > 0) return null;
    await pause(700);
  }
  return `${scheduleId} has not completed a run within ${RUN_MS / 1_000} s`;
}

async function hasAlive({ market, owner }: Stack): Promise<boolean> {
  return (await market.contracts()).some(
    ({ label, destroyed_at }) => destroyed_at === null && parseLabel(label)?.owner === owner,
  );
}

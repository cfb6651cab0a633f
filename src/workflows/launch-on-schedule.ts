import { getExternalWorkflowHandle, setCurrentDetails } from '@temporalio/workflow';
import type { StartOrder } from '../activities/start-session.ts';
import { sessionWorkflowId } from './ids.ts';
import { destroySignal } from './messages.ts';
import { quick } from './policies.ts';

/** One end of business hours. */
export type HoursEdge =
  | { readonly edge: 'open'; readonly order: StartOrder }
  | { readonly edge: 'close'; readonly session: string };

/** Launches a session when business hours begin, or ends it when they are over. */
export async function launchOnSchedule(input: HoursEdge): Promise<{ kind: string }> {
  if (input.edge === 'open') {
    const { session } = input.order;
    const answer = await quick({ summary: `launch ${session}` }).startSession(input.order);
    setCurrentDetails(`${session}: ${answer.kind}`);
    return answer;
  }
  try {
    await getExternalWorkflowHandle(sessionWorkflowId(input.session)).signal(destroySignal);
    return { kind: 'ended' };
  } catch {
    // It had ended before: nothing is left to end.
    return { kind: 'nothing-to-end' };
  }
}

import { classifyVllmLog, type Failure } from '../domain/failure.ts';
import type { Deps } from './deps.ts';
import { unlessUnreachable } from './watching.ts';

const LOG_LINES = 200;
const LOG_DEADLINE_MS = 20_000;

/** What vLLM itself says went wrong; null when its log tells nothing, or cannot be had. */
export async function findFailureInLog(deps: Deps, instanceId: number): Promise<Failure | null> {
  const text = await unlessUnreachable(() =>
    deps.vast.readLogs(instanceId, { tail: LOG_LINES }, { deadlineMs: Date.now() + LOG_DEADLINE_MS }),
  );
  return text === null ? null : classifyVllmLog(text.split('\n'));
}

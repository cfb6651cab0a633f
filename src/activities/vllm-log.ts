import { classifyVllmLog, type Failure } from '../domain/failure.ts';
import type { Deps } from './deps.ts';
import { unlessUnreachable } from './watching.ts';

const LOG_LINES = 200;
const LOG_DEADLINE_MS = 20_000;

/** What vLLM itself says went wrong; null when its log tells nothing, or cannot be had. */
export async function findFailureInLog(deps: Deps, instanceId: number): Promise<Failure | null> {
  return classifyVllmLog(await readLog(deps, instanceId));
}

/** The server is up by its own log, and cannot be reached: then it is the host's port, not the model. */
export async function saysItServes(deps: Deps, instanceId: number): Promise<boolean> {
  const lines = await readLog(deps, instanceId);
  return lines.some((line) => line.includes('Application startup complete'));
}

async function readLog(deps: Deps, instanceId: number): Promise<string[]> {
  const text = await unlessUnreachable(() =>
    deps.vast.readLogs(instanceId, { tail: LOG_LINES }, { deadlineMs: Date.now() + LOG_DEADLINE_MS }),
  );
  return text?.split('\n') ?? [];
}

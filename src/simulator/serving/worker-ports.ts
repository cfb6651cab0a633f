import { reserveFreePort } from './free-port.ts';

/**
 * Ports that a serverless worker's environment names. Containers have a network each, but the processes here share
 * that of this machine: each such port becomes a free one, so that two workers of one template can run side by side.
 */
const NAMES = ['WORKER_HTTP_PORT', 'MODEL_SERVER_PORT'] as const;

export type WorkerPorts = {
  /** What to say instead of the order's own variables. */
  readonly environment: Readonly<Record<string, string>>;
  release(): void;
};

/** `listenPort`: what the mapped port of the worker is forwarded to. Nothing without WORKER_PORT. */
export async function placeWorkerPorts(
  given: Readonly<Record<string, string>>,
  listenPort: number,
): Promise<WorkerPorts> {
  const { WORKER_PORT: wanted } = given;
  if (wanted === undefined) return { environment: {}, release: () => undefined };
  const environment: Record<string, string> = { WORKER_PORT: String(listenPort) };
  const outside = given[`VAST_TCP_PORT_${wanted}`];
  if (outside !== undefined) environment[`VAST_TCP_PORT_${listenPort}`] = outside;
  const reserved = await Promise.all(NAMES.map(async (name) => ({ name, ...(await reserveFreePort()) })));
  for (const { name, port } of reserved) environment[name] = String(port);
  return { environment, release: () => reserved.forEach(({ release }) => void release()) };
}

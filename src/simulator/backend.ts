/**
 * What an instance runs inside, as the market sees it.
 *
 * The market decides when a container starts, which ports it gets and which faults it has; a backend
 * makes something answer on those ports. `fake` answers in this process, `process` runs the instance's
 * own `onstart` in a child process group.
 */

/** Faults of the software in the container, named for the real thing each stands for (`vllm-…` is the model server). */
export const SERVING_FAULTS = [
  'exits',
  'model-gated',
  'bad-flag',
  'vllm-never-ready',
  'vllm-dies',
  'vllm-flaps',
  'health-only',
  'vllm-uncounted',
] as const;

export type ServingFault = (typeof SERVING_FAULTS)[number];

/** One container to start. All times are wall-clock milliseconds: the market has scaled them already. */
export type ServingOrder = {
  readonly instanceId: number;
  readonly image: string;
  /** The instance's start script; null when it has none (run type `args` uses `args`). */
  readonly onstart: string | null;
  readonly args: readonly string[];
  /** What Vast would put into the container: the renter's `env` plus `CONTAINER_ID`, `VAST_TCP_PORT_…` and so on. */
  readonly environment: Readonly<Record<string, string>>;
  /** Address to listen on and the host ports that the market has mapped; empty when the port fault says so. */
  readonly host: string;
  readonly ports: readonly { readonly containerPort: number; readonly hostPort: number }[];
  /** How long the model takes to load once the script starts it. */
  readonly loadMs: number;
  /** `afterMs`: how long after serving began the fault shows (for `exits`, `vllm-dies`, `vllm-flaps`). */
  readonly faults: readonly { readonly fault: ServingFault; readonly afterMs: number }[];
  /** Seed for whatever the backend invents (answers, small delays). */
  readonly seed: number;
};

/** A started container. */
export type Serving = {
  /** The newest lines of the container's log, oldest first; bounded. */
  logLines(): readonly string[];
  /** Resolves when the container's main process ends by itself; never after `stop`. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** Ends everything the container started and frees its ports. Safe to call twice. */
  stop(): Promise<void>;
};

export type Backend = {
  readonly name: 'fake' | 'process';
  start(order: ServingOrder): Promise<Serving>;
};

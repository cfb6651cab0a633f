import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Backend, Serving, ServingFault, ServingOrder } from '../backend.ts';
import { findServeCommand } from './command-line.ts';
import { reserveFreePort } from './free-port.ts';
import { startIdleContainer } from './idle-container.ts';
import { LogRing } from './log-ring.ts';
import { type PortForwarder, startPortForwarder } from './port-forwarder.ts';
import { type GroupEnd, type ProcessGroup, startProcessGroup } from './process-group.ts';
import { isOnPath, writeVllmWrapper } from './vllm-wrapper.ts';
import { placeWorkerPorts, type WorkerPorts } from './worker-ports.ts';

export type ProcessBackendOptions = {
  /** The environment to take PATH and vLLM's settings from. */
  readonly parentEnvironment?: Readonly<Record<string, string | undefined>>;
  /** How long a container has between SIGTERM and SIGKILL. */
  readonly stopGraceMs?: number;
};

/**
 * Instances that run their start script on this machine, each as a process group in a folder of its own.
 *
 * Invariants:
 * 1. Nothing of the parent's environment enters but PATH and vLLM's settings, and of those no secret.
 * 2. When `stop` resolves, every process of the container has ended, its ports are closed and its folder is gone.
 * 3. A `vllm` on PATH is the one that runs, unless a fault was ordered that only the look-alike can show.
 */
export function createProcessBackend(options: ProcessBackendOptions = {}): Backend {
  return { name: 'process', start: (order) => startContainer(order, options) };
}

const LOG_LINES_MAX = 5_000;
const LOG_LINE_CHARACTERS_MAX = 4_000;
const STOP_GRACE_MS = 3_000;
const DEFAULT_CONTAINER_PORT = 8000;
const SERVING_LOOK_MS = 50;
/** Faults of the model server that a real one cannot be told to have. */
const LOOKALIKE_FAULTS: readonly ServingFault[] = [
  'model-gated',
  'bad-flag',
  'vllm-never-ready',
  'vllm-flaps',
  'health-only',
  'vllm-uncounted',
];

async function startContainer(order: ServingOrder, options: ProcessBackendOptions): Promise<Serving> {
  const port = await reserveFreePort();
  const command = commandOf(order, port.port);
  if (command === null) {
    port.release();
    return startIdleContainer(order);
  }
  const folder = await mkdtemp(join(tmpdir(), `sim-instance-${order.instanceId}-`));
  const ports = await placeWorkerPorts(order.environment, port.port);
  const container = new Container({ order, folder, listenPort: port.port, ports, options });
  const release = async (): Promise<void> => {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    port.release();
    ports.release();
  };
  try {
    await container.start(command);
  } catch (error) {
    await container.end();
    await release();
    throw error;
  }
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= container.end().then(release));
  return { logLines: () => container.logLines(), exited: container.exited, stop };
}

type Command = { readonly script: string | null; readonly words: readonly string[] };

/** What the container runs; null when that would be nothing. */
function commandOf(order: ServingOrder, listenPort: number): Command | null {
  if (order.onstart !== null && order.onstart.trim() !== '') {
    return { script: order.onstart, words: ['bash', 'onstart.sh'] };
  }
  if (findServeCommand(order) === null) return null;
  // Arguments of the image's entry point know nothing of the port given here; the last mention of a flag counts.
  const place = ['--host', '127.0.0.1', '--port', String(listenPort)];
  const isWhole = /(^|\/)vllm$/.test(order.args[0] ?? '');
  return { script: null, words: [...(isWhole ? [] : ['vllm', 'serve']), ...order.args, ...place] };
}

class Container {
  readonly exited: Promise<GroupEnd>;
  readonly #order: ServingOrder;
  readonly #folder: string;
  readonly #listenPort: number;
  readonly #ports: WorkerPorts;
  readonly #options: ProcessBackendOptions;
  readonly #log = new LogRing(LOG_LINES_MAX);
  readonly #resolveExited: (end: GroupEnd) => void;
  readonly #stopped = new AbortController();
  #group: ProcessGroup | undefined;
  #forwarder: PortForwarder | undefined;

  constructor(given: {
    order: ServingOrder;
    folder: string;
    listenPort: number;
    ports: WorkerPorts;
    options: ProcessBackendOptions;
  }) {
    this.#order = given.order;
    this.#folder = given.folder;
    this.#listenPort = given.listenPort;
    this.#ports = given.ports;
    this.#options = given.options;
    ({ promise: this.exited, resolve: this.#resolveExited } = Promise.withResolvers<GroupEnd>());
  }

  logLines(): readonly string[] {
    return this.#log.lines();
  }

  async start({ script, words: [command = 'bash', ...args] }: Command): Promise<void> {
    const parent = this.#options.parentEnvironment ?? process.env;
    const usesOwn = this.#usesLookalike(parent.PATH ?? '');
    const ownFolder = join(this.#folder, '.sim-bin');
    if (usesOwn) writeVllmWrapper(ownFolder);
    await mkdir(join(this.#folder, 'tmp'));
    if (script !== null) await writeFile(join(this.#folder, 'onstart.sh'), script);
    this.#forwarder = await this.#forward();
    const path = [...(usesOwn ? [ownFolder] : []), parent.PATH ?? DEFAULT_PATH].join(delimiter);
    this.#group = await startProcessGroup({
      command,
      args,
      cwd: this.#folder,
      environment: this.#environment(parent, path),
      mark: randomUUID(),
      onLine: (line) => this.#log.push(line.slice(0, LOG_LINE_CHARACTERS_MAX)),
    });
    void this.#group.mainEnded.then((end) => {
      if (!this.#stopped.signal.aborted) this.#resolveExited(end);
    });
    void this.#playFault(usesOwn);
  }

  async end(): Promise<void> {
    this.#stopped.abort();
    await this.#forwarder?.close();
    await this.#group?.end(this.#options.stopGraceMs ?? STOP_GRACE_MS);
  }

  #usesLookalike(path: string): boolean {
    return (
      !isOnPath('vllm', path) || this.#order.faults.some(({ fault }) => LOOKALIKE_FAULTS.includes(fault))
    );
  }

  async #forward(): Promise<PortForwarder | undefined> {
    const { ports, host, environment } = this.#order;
    const wanted = Number(environment.WORKER_PORT ?? DEFAULT_CONTAINER_PORT);
    const mapped = ports.find(({ containerPort }) => containerPort === wanted) ?? ports[0];
    if (mapped === undefined) return undefined;
    return startPortForwarder({ host, hostPort: mapped.hostPort, targetPort: this.#listenPort });
  }

  #environment(parent: Readonly<Record<string, string | undefined>>, path: string): Record<string, string> {
    const order = this.#order;
    return {
      ...modelServerSettings(parent),
      ...order.environment,
      ...this.#ports.environment,
      SIM_VLLM_LOAD_MS: String(order.loadMs),
      SIM_VLLM_SEED: String(order.seed),
      SIM_VLLM_FAULTS: JSON.stringify(order.faults.filter(({ fault }) => fault !== 'exits')),
      SIM_VLLM_PARENT_PID: String(process.pid),
      PATH: path,
      HOME: this.#folder,
      TMPDIR: join(this.#folder, 'tmp'),
      LANG: parent.LANG ?? 'C.UTF-8',
      LEASH_LISTEN_PORT: String(this.#listenPort),
      LEASH_LISTEN_HOST: '127.0.0.1',
    };
  }

  /** `exits` ends the container from outside, and so does `vllm-dies` where the model server is a real one. */
  async #playFault(usesOwn: boolean): Promise<void> {
    const ending = this.#order.faults.find(
      ({ fault }) => fault === 'exits' || (fault === 'vllm-dies' && !usesOwn),
    );
    if (ending === undefined) return;
    const { signal } = this.#stopped;
    try {
      await this.#awaitServing(signal);
      await delay(ending.afterMs, undefined, { signal });
    } catch (error) {
      if (signal.aborted) return; // Stopped first.
      throw error;
    }
    await this.#group?.end(0);
  }

  async #awaitServing(signal: AbortSignal): Promise<void> {
    if (this.#order.faults.some(({ fault }) => fault === 'vllm-never-ready')) {
      await delay(this.#order.loadMs, undefined, { signal });
      return;
    }
    while (!(await isListening(this.#listenPort))) await delay(SERVING_LOOK_MS, undefined, { signal });
  }
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What configures a real vLLM on this machine; its key, for one, is the renter's to set. */
function modelServerSettings(parent: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parent).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined &&
        (/^(VLLM|CUDA)_/.test(entry[0]) || entry[0] === 'HF_HUB_OFFLINE') &&
        !/KEY|TOKEN|SECRET|PASSWORD/.test(entry[0]),
    ),
  );
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ host: '127.0.0.1', port });
    probe.once('connect', () => resolve(true)).once('error', () => resolve(false));
    probe.once('connect', () => probe.destroy());
  });
}

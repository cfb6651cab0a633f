import type { Backend, Serving, ServingOrder } from './backend.ts';
import { type Contract, hasFault, publishedPorts, variables } from './contract.ts';
import { isServingFault } from './fault-kinds.ts';
import type { Machine } from './machine.ts';
import { findFreePort } from './ports.ts';
import { seededRandom } from './random.ts';

export type ContainerOptions = {
  readonly backend: Backend;
  readonly host: string;
  readonly seed: number;
  readonly timeScale: number;
};

/** A container that has been started but belongs to no contract yet. */
export type Started = { readonly ports: Contract['ports']; readonly serving: Serving | null };

/** The running containers: what the machines of the market have started through the backend. */
export class Containers {
  readonly #options: ContainerOptions;
  readonly #running = new Map<number, Serving>();
  readonly #lastLines = new Map<number, readonly string[]>();
  readonly #ending = new Set<Promise<void>>();
  readonly #taken = new Set<number>();

  constructor(options: ContainerOptions) {
    this.#options = options;
  }

  /**
   * Maps ports and starts the container; `keep` makes it the contract's own. `resumed`: it has been running
   * all along and only this program was down, so that it keeps its ports and has its model loaded.
   */
  async start(contract: Contract, machine: Machine, { resumed }: { resumed: boolean }): Promise<Started> {
    let ports = resumed ? contract.ports : await this.#mapPorts(contract, machine);
    for (let tries = 1; ; tries += 1) {
      try {
        const order = this.#orderFor(contract, ports, resumed);
        return { ports, serving: contract.isServed ? await this.#options.backend.start(order) : null };
      } catch (error) {
        this.#free(ports);
        if (tries === MOST_TRIES) throw error;
        // Somebody took a port between the look and the start.
        ports = await this.#mapPorts(contract, machine);
      }
    }
  }

  keep(contract: Contract, { ports, serving }: Started): void {
    contract.ports = ports;
    for (const { hostPort } of ports) this.#taken.add(hostPort);
    if (serving !== null) this.#running.set(contract.id, serving);
  }

  /** Ends a container that nobody wants any more by the time it has started. */
  drop(contract: Contract, { ports, serving }: Started): void {
    this.#free(ports);
    if (serving !== null) this.#stop(contract.id, serving);
  }

  /** Ends a container; its last lines stay readable, as on a stopped instance. */
  end(contract: Contract): void {
    const serving = this.#running.get(contract.id);
    this.#free(contract.ports);
    this.#running.delete(contract.id);
    if (serving !== undefined) this.#stop(contract.id, serving);
  }

  logLines(contract: Contract): readonly string[] {
    return this.#running.get(contract.id)?.logLines() ?? this.#lastLines.get(contract.id) ?? [];
  }

  /** Ends all containers and waits for it. */
  async close(): Promise<void> {
    for (const [id, serving] of this.#running) this.#stop(id, serving);
    this.#running.clear();
    await Promise.all(this.#ending);
  }

  loadMs(contract: Contract): number {
    const random = seededRandom(this.#options.seed, 'load', contract.id, contract.run);
    return (random.between(20, 120) * 1000) / this.#options.timeScale;
  }

  #stop(contractId: number, serving: Serving): void {
    this.#lastLines.set(contractId, serving.logLines());
    const ended = serving.stop().catch(() => undefined);
    this.#ending.add(ended);
    void ended.then(() => this.#ending.delete(ended));
  }

  #free(ports: Contract['ports']): void {
    for (const { hostPort } of ports) this.#taken.delete(hostPort);
  }

  async #mapPorts(contract: Contract, machine: Machine): Promise<Contract['ports']> {
    const wanted = publishedPorts(contract.order).filter(
      ({ containerPort }) => containerPort === 22 || !hasFault(contract, 'port-missing'),
    );
    const ports: Contract['ports'] = [];
    // A host without free ports leaves requested ones out of the map.
    for (const { containerPort, protocol } of wanted.slice(0, machine.directPortCount)) {
      const hostPort = await findFreePort(this.#options.host, this.#taken);
      this.#taken.add(hostPort);
      // An identity port (70000 and up) is mapped to the same number inside.
      ports.push({ containerPort, protocol, hostPort });
    }
    return ports;
  }

  #orderFor(contract: Contract, ports: Contract['ports'], resumed: boolean): ServingOrder {
    const { order } = contract;
    const random = seededRandom(this.#options.seed, 'serving', contract.id, contract.run);
    const isReachable = !hasFault(contract, 'port-unreachable');
    return {
      instanceId: contract.id,
      image: order.image,
      onstart: order.runtype === 'args' ? null : order.onstart,
      args: order.args,
      environment: this.#environmentOf(contract, ports),
      host: this.#options.host,
      ports: isReachable
        ? ports
            .filter(({ containerPort, protocol }) => protocol === 'tcp' && containerPort !== 22)
            .map(({ containerPort, hostPort }) => ({ containerPort, hostPort }))
        : [],
      loadMs: resumed ? 0 : this.loadMs(contract),
      faults: contract.faults.flatMap(({ fault, seconds }) => {
        if (!isServingFault(fault)) return [];
        const afterS = seconds ?? random.between(20, 120) / this.#options.timeScale;
        return [{ fault, afterMs: afterS * 1000 }];
      }),
      seed: random.integer(1, 2_000_000_000),
    };
  }

  #environmentOf(contract: Contract, ports: Contract['ports']): Record<string, string> {
    const random = seededRandom(this.#options.seed, 'tokens', contract.id);
    const token = () =>
      Array.from({ length: 8 }, () => random.integer(0, 0xffff).toString(16).padStart(4, '0')).join('');
    const mapped = ports.map(({ containerPort, protocol, hostPort }) => [
      `VAST_${protocol.toUpperCase()}_PORT_${containerPort}`,
      String(hostPort),
    ]);
    return {
      ...variables(contract.order),
      ...Object.fromEntries(mapped),
      CONTAINER_ID: String(contract.id),
      CONTAINER_API_KEY: contract.key,
      VAST_CONTAINERLABEL: `C.${contract.id}`,
      PUBLIC_IPADDR: publicAddress(this.#options.host),
      GPU_COUNT: String(contract.gpuCount),
      DATA_DIRECTORY: '/workspace',
      JUPYTER_TOKEN: token(),
      OPEN_BUTTON_TOKEN: token(),
    };
  }
}

const MOST_TRIES = 5;

/** Where callers reach what listens on `host`. */
export function publicAddress(host: string): string {
  return host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
}

import { closeBooks, settle } from './books.ts';
import { LATER_FAULTS, OVERCHARGE, pullTrouble, startTrouble } from './boot-trouble.ts';
import type { Containers } from './containers.ts';
import {
  type Contract,
  type DestroyedBy,
  hasFault,
  type LifeEvent,
  type Pending,
  wasStarting,
} from './contract.ts';
import type { Contracts } from './contracts.ts';
import type { MachineFault } from './fault-kinds.ts';
import { pullOf, weightsBytes } from './images.ts';
import type { Market } from './market.ts';
import { type Random, seededRandom } from './random.ts';

export type LifeOptions = {
  readonly seed: number;
  readonly timeScale: number;
  readonly clock: () => number;
  readonly changed: () => void;
};

/** Market time runs `timeScale` times faster than the wall clock. */
type ScheduleOptions = { readonly isMarketTime?: boolean; readonly fault?: MachineFault };

/**
 * What happens to instances by themselves: boot, faults, stops, ends.
 *
 * 1. Every wait is an entry in `pending`, which is saved: a restart of the simulator loses none.
 * 2. Books are settled before a rate changes.
 * 3. A slice is given back exactly when the contract that holds it stops or is gone.
 */
export class Life {
  readonly #options: LifeOptions;
  readonly #market: Market;
  readonly #contracts: Contracts;
  readonly #containers: Containers;
  readonly #timers = new Map<number, NodeJS.Timeout>();
  #isClosed = false;

  constructor(parts: { options: LifeOptions; market: Market; contracts: Contracts; containers: Containers }) {
    this.#options = parts.options;
    this.#market = parts.market;
    this.#contracts = parts.contracts;
    this.#containers = parts.containers;
  }

  /** A contract was made: the machine will report in a while. */
  begin(contract: Contract): void {
    this.#schedule(contract, 'listing-ends', Math.max(0, contract.endDate - this.#now()), {
      isMarketTime: false,
    });
    if (contract.intended === 'running')
      this.#schedule(contract, 'report', this.#random(contract).between(3, 12));
  }

  /** Takes up after a restart: what was running serves again, on its ports; waits that have passed fire at once. */
  async resume(): Promise<void> {
    for (const contract of this.#contracts.alive()) {
      if (contract.actual === 'running') await this.#startContainer(contract, { resumed: true });
      else if (wasStarting(contract)) this.#schedule(contract, 'start', 1);
      this.#arm(contract);
    }
  }

  /** True when it started or will; false when its GPUs are taken and the wish is queued. */
  start(contract: Contract): boolean {
    if (contract.intended === 'running' && !contract.isStartQueued) return true;
    const slice = this.#market.slices.get(contract.sliceKey);
    const isHeld = slice?.contractId === contract.id;
    if (slice === undefined || (!isHeld && !this.#market.isFree(slice))) {
      contract.isStartQueued = true;
      this.#options.changed();
      return false;
    }
    this.#market.take(slice, contract.id);
    contract.isStartQueued = false;
    contract.intended = 'running';
    contract.current = 'running';
    contract.next = 'running';
    this.#cancel(contract, 'halt');
    // A stop that has not come about is simply called off.
    if (contract.actual !== 'running')
      this.#schedule(contract, 'report', this.#random(contract).between(2, 6));
    this.#options.changed();
    return true;
  }

  /** Starts that wait for a GPU get it as soon as it is free. */
  startQueued(): void {
    for (const contract of this.#contracts.alive()) if (contract.isStartQueued) this.start(contract);
  }

  stop(contract: Contract): void {
    contract.isStartQueued = false;
    contract.intended = 'stopped';
    contract.next = 'stopped';
    this.#cancel(contract, 'report', 'pulled', 'start', 'give-up', 'fault', 'return');
    this.#schedule(contract, 'halt', this.#random(contract).between(2, 8));
  }

  /** Container stop and start on the same GPUs; `recycle` pulls the image anew. */
  restart(contract: Contract, how: 'rebooting' | 'recycling'): void {
    if (contract.actual === null || contract.intended === 'stopped') return;
    this.#settle(contract);
    this.#endContainer(contract);
    contract.actual = how;
    if (how === 'recycling') contract.hasImage = false;
    this.#cancel(contract, 'start', 'pulled', 'give-up');
    this.#schedule(contract, 'report', this.#random(contract).between(3, 8));
  }

  /** A DELETE was accepted: the instance is gone in a moment, or after it has lingered (wall-clock seconds). */
  destroy(contract: Contract, by: DestroyedBy, lingerSeconds: number | null): void {
    if (contract.destroyAcceptedAt !== null) return;
    contract.destroyAcceptedAt = this.#now();
    contract.destroyedBy ??= by;
    this.#cancel(contract, 'gone');
    if (lingerSeconds !== null) this.#schedule(contract, 'gone', lingerSeconds, { isMarketTime: false });
    else this.#schedule(contract, 'gone', this.#random(contract).between(0.5, 3));
  }

  /** The service's own stop: outbid, host took the GPU back, no credit. The renter is not asked. */
  stopByService(contract: Contract): void {
    this.#settle(contract);
    this.#cancel(contract, 'report', 'pulled', 'start', 'give-up', 'fault', 'return', 'halt');
    contract.isStartQueued = false;
    contract.intended = 'stopped';
    contract.next = 'stopped';
    this.#halt(contract);
  }

  /** Without a card on file, what is stopped for want of credit is deleted after a while. */
  startCreditGrace(contract: Contract): void {
    if (!contract.pending.some(({ what }) => what === 'credit-grace-ends')) {
      this.#schedule(contract, 'credit-grace-ends', CREDIT_GRACE_SECONDS);
    }
  }

  endCreditGrace(contract: Contract): void {
    this.#cancel(contract, 'credit-grace-ends');
  }

  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #happen(contract: Contract, { what, fault }: Pending): void {
    switch (what) {
      case 'report':
        this.#report(contract);
        return;
      case 'pulled':
        this.#pulled(contract);
        return;
      case 'start':
        this.#boot(contract);
        return;
      case 'give-up':
        contract.intended = 'stopped';
        contract.next = 'stopped';
        return;
      case 'halt':
        this.#halt(contract);
        return;
      case 'fault':
        this.#fault(contract, fault);
        return;
      case 'return':
        this.#return(contract);
        return;
      case 'listing-ends':
        this.stopByService(contract);
        // The host keeps the data for two days.
        this.#schedule(contract, 'gone', 172_800);
        return;
      case 'credit-grace-ends':
        this.destroy(contract, 'credit', null);
        return;
      case 'gone':
        this.#gone(contract);
        return;
    }
  }

  #report(contract: Contract): void {
    this.#settle(contract);
    const random = this.#random(contract);
    if (contract.hasImage) {
      if (contract.actual === null || contract.actual === 'loading') contract.actual = 'created';
      this.#schedule(contract, 'start', random.between(1, 4));
      return;
    }
    if (contract.actual !== 'recycling') contract.actual = 'loading';
    contract.statusMessage = null;
    if (hasFault(contract, 'pull-error')) {
      this.#schedule(contract, 'pulled', random.between(2, 6));
      this.#schedule(contract, 'give-up', GIVE_UP_SECONDS);
      return;
    }
    const pull = pullOf(contract.order.image, this.#market.getMachine(contract.machineId));
    if (hasFault(contract, 'stuck-loading')) {
      this.#download(contract, pull.bytes / 3, pull.downloadSeconds);
      this.#schedule(contract, 'give-up', GIVE_UP_SECONDS);
      return;
    }
    this.#download(contract, pull.bytes, pull.downloadSeconds);
    this.#schedule(contract, 'pulled', pull.downloadSeconds + pull.unpackSeconds + random.between(2, 6));
  }

  #pulled(contract: Contract): void {
    const { image } = contract.order;
    if (hasFault(contract, 'pull-error')) {
      contract.statusMessage = pullTrouble(image);
      return;
    }
    contract.hasImage = true;
    contract.actual = contract.actual === 'recycling' ? 'recycling' : 'created';
    contract.statusMessage = `Successfully loaded ${image}`;
    this.#schedule(contract, 'start', this.#random(contract).between(1, 4));
  }

  #boot(contract: Contract): void {
    const trouble = startTrouble(contract);
    if (trouble === null) {
      void this.#startContainer(contract, { resumed: false });
      return;
    }
    this.#settle(contract);
    contract.actual = 'created';
    contract.statusMessage = trouble;
  }

  async #startContainer(contract: Contract, { resumed }: { resumed: boolean }): Promise<void> {
    contract.run += 1;
    const { run } = contract;
    const machine = this.#market.getMachine(contract.machineId);
    try {
      const started = await this.#containers.start(contract, machine, { resumed });
      if (contract.run !== run || this.#isClosed) {
        this.#containers.drop(contract, started);
        return;
      }
      this.#containers.keep(contract, started);
      if (!resumed) this.#running(contract);
      void started.serving?.exited.then(() => this.#exited(contract, run));
    } catch (error) {
      if (contract.run !== run || this.#isClosed) return;
      this.#settle(contract);
      contract.actual = 'exited';
      contract.statusMessage = `container failed to start: ${error instanceof Error ? error.message : String(error)}`;
    }
    this.#options.changed();
  }

  #running(contract: Contract): void {
    this.#settle(contract);
    const now = this.#now();
    contract.actual = 'running';
    contract.current = 'running';
    contract.runningAt ??= now;
    contract.startedAt = now;
    contract.statusMessage = `success, running ${contract.order.image.replaceAll(':', '_')}/ssh`;
    this.#download(contract, weightsBytes(contract.order), this.#containers.loadMs(contract) / 1000, {
      isMarketTime: false,
    });
    const random = this.#random(contract);
    for (const { fault, seconds } of contract.faults) {
      if (!LATER_FAULTS.has(fault) || (fault === 'overcharged' && seconds === null)) continue;
      const isMarketTime = seconds === null;
      this.#schedule(contract, 'fault', seconds ?? random.between(60, 300), { isMarketTime, fault });
    }
  }

  #exited(contract: Contract, run: number): void {
    if (contract.run !== run || this.#isClosed) return;
    this.#settle(contract);
    this.#endContainer(contract);
    contract.actual = 'exited';
    this.#options.changed();
  }

  #fault(contract: Contract, fault: MachineFault | null): void {
    // It shows once: an instance that is started again is sound.
    contract.faults = contract.faults.filter((each) => each.fault !== fault);
    this.#settle(contract);
    if (fault === 'overcharged') {
      contract.gpuUsdPerHour *= OVERCHARGE;
      return;
    }
    if (fault === 'offline') {
      this.#endContainer(contract);
      contract.actual = 'offline';
      this.#schedule(contract, 'return', this.#random(contract).between(900, 2400));
      return;
    }
    this.stopByService(contract);
    // Somebody else has the GPUs now.
    const slice = this.#market.slices.get(contract.sliceKey);
    if (slice !== undefined && this.#market.isFree(slice)) {
      this.#market.withdraw(slice, this.#now() + 3600 / this.#options.timeScale);
    }
  }

  #return(contract: Contract): void {
    if (contract.actual !== 'offline') return;
    // Billed again from now on, whether or not anybody still wants it.
    this.#settle(contract);
    contract.actual = 'created';
    this.#schedule(contract, 'start', this.#random(contract).between(2, 10));
  }

  #halt(contract: Contract): void {
    this.#settle(contract);
    this.#endContainer(contract);
    contract.current = 'stopped';
    contract.actual = contract.actual === null ? 'stopped' : 'exited';
    contract.meter.downloads = [];
    this.#market.release(contract.sliceKey, contract.id);
    this.#options.changed();
  }

  #gone(contract: Contract): void {
    const now = this.#now();
    const tail = this.#random(contract).between(-22, 290) / this.#options.timeScale;
    contract.destroyAcceptedAt ??= now;
    contract.destroyedBy ??= 'host';
    closeBooks(contract, this.#market.getMachine(contract.machineId), now, tail);
    contract.destroyedAt = now;
    contract.isStartQueued = false;
    contract.pending = [];
    this.#endContainer(contract);
    this.#market.release(contract.sliceKey, contract.id);
  }

  #endContainer(contract: Contract): void {
    contract.run += 1;
    this.#containers.end(contract);
    contract.ports = [];
    contract.startedAt = null;
  }

  #download(contract: Contract, bytes: number, seconds: number, { isMarketTime = true } = {}): void {
    if (bytes === 0) return;
    const from = this.#now();
    const to = from + (isMarketTime ? seconds / this.#options.timeScale : seconds);
    contract.meter.downloads.push({ from, to, bytes });
  }

  #schedule(contract: Contract, what: LifeEvent, seconds: number, how: ScheduleOptions = {}): void {
    const wait = how.isMarketTime === false ? seconds : seconds / this.#options.timeScale;
    contract.pending.push({ what, at: this.#now() + wait, fault: how.fault ?? null });
    this.#arm(contract);
    this.#options.changed();
  }

  #cancel(contract: Contract, ...events: readonly LifeEvent[]): void {
    contract.pending = contract.pending.filter(({ what }) => !events.includes(what));
    this.#arm(contract);
  }

  #arm(contract: Contract): void {
    clearTimeout(this.#timers.get(contract.id));
    this.#timers.delete(contract.id);
    const next = Math.min(...contract.pending.map(({ at }) => at));
    if (this.#isClosed || next === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.min(Math.max(0, (next - this.#now()) * 1000), LONGEST_TIMER_MS);
    this.#timers.set(
      contract.id,
      setTimeout(() => this.#wake(contract), waitMs),
    );
  }

  #wake(contract: Contract): void {
    const now = this.#now();
    const due = contract.pending.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at);
    for (const event of due) {
      // An earlier event of this turn may have cancelled it.
      if (!contract.pending.includes(event)) continue;
      contract.pending = contract.pending.filter((each) => each !== event);
      this.#happen(contract, event);
    }
    if (due.length > 0) this.#options.changed();
    this.#arm(contract);
  }

  #settle(contract: Contract): void {
    settle(contract, this.#market.getMachine(contract.machineId), this.#now());
  }

  #now(): number {
    return this.#options.clock();
  }

  #random(contract: Contract): Random {
    return seededRandom(this.#options.seed, 'life', contract.id, contract.run, contract.pending.length);
  }
}

const GIVE_UP_SECONDS = 420;
const CREDIT_GRACE_SECONDS = 3600;
const LONGEST_TIMER_MS = 2_000_000_000;

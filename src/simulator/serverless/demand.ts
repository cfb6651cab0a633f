/** The load that callers of an endpoint ask for, over the last half minute; kept by the second. */
export class Demand {
  readonly #bySecond = new Map<number, Map<number, number>>();

  note(endpointId: number, cost: number, now: number): void {
    const seconds = this.#bySecond.get(endpointId) ?? new Map<number, number>();
    this.#bySecond.set(endpointId, seconds);
    const second = Math.floor(now);
    seconds.set(second, (seconds.get(second) ?? 0) + cost);
    for (const old of seconds.keys()) if (old <= second - WINDOW_SECONDS) seconds.delete(old);
  }

  loadPerSecond(endpointId: number, now: number): number {
    let load = 0;
    for (const [second, cost] of this.#bySecond.get(endpointId) ?? [])
      if (second > now - WINDOW_SECONDS) load += cost;
    return load / WINDOW_SECONDS;
  }

  forget(endpointId: number): void {
    this.#bySecond.delete(endpointId);
  }
}

const WINDOW_SECONDS = 30;

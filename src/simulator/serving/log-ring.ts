/** Keeps the newest lines of a log: a container may write for weeks, its log is asked for rarely. */
export class LogRing {
  readonly #capacity: number;
  #lines: string[] = [];
  #oldest = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  push(line: string): void {
    if (this.#lines.length < this.#capacity) {
      this.#lines.push(line);
      return;
    }
    this.#lines[this.#oldest] = line;
    this.#oldest = (this.#oldest + 1) % this.#capacity;
  }

  /** Oldest first. */
  lines(): readonly string[] {
    return [...this.#lines.slice(this.#oldest), ...this.#lines.slice(0, this.#oldest)];
  }
}

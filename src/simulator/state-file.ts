import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { WorldState } from './world.ts';

/** Keeps the state in a file: written whole beside it and moved into place, so that no crash leaves half of it. */
export class StateFile {
  readonly #path: string;
  readonly #read: () => WorldState;
  #timer: NodeJS.Timeout | null = null;

  constructor(path: string, read: () => WorldState) {
    this.#path = path;
    this.#read = read;
  }

  /** Saves soon: a burst of changes is one write. */
  saveSoon(): void {
    this.#timer ??= setTimeout(() => this.save(), DEBOUNCE_MS);
  }

  save(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const beside = `${this.#path}.${process.pid}.tmp`;
    // It holds the account's keys.
    writeFileSync(beside, JSON.stringify(this.#read()), { mode: 0o600 });
    renameSync(beside, this.#path);
  }
}

const DEBOUNCE_MS = 200;

/** The state that an earlier run has left; undefined when there is none. */
export function loadState(path: string): WorldState | undefined {
  const text = readIfThere(path);
  if (text === undefined) return undefined;
  const state: unknown = JSON.parse(text);
  if (typeof state !== 'object' || state === null || !('version' in state) || state.version !== 1) {
    throw new Error(`${path} is not a state of this simulator; move it away to start a new market`);
  }
  return state as WorldState;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

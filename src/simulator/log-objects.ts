import { randomBytes } from 'node:crypto';

type LogObject = {
  readonly text: string;
  readonly readyAt: number;
  asked: number;
  readonly expiresAt: number;
};

/** The object store that instance logs are uploaded to: an address nobody can guess, and no key. */
export class LogObjects {
  readonly #objects = new Map<string, LogObject>();
  readonly #timeScale: number;

  constructor(timeScale: number) {
    this.#timeScale = timeScale;
  }

  /** Begins the upload of a snapshot; the name is where it will be. */
  upload(text: string, now: number): string {
    for (const [name, { expiresAt }] of this.#objects) if (expiresAt < now) this.#objects.delete(name);
    const name = randomBytes(24).toString('hex');
    const readyAt = now + Math.max(0.1, 4 / this.#timeScale);
    this.#objects.set(name, { text, readyAt, asked: 0, expiresAt: now + KEPT_SECONDS });
    return name;
  }

  /** The text, or the status that the store answers before the upload is complete: 403 at first, then 404. */
  read(name: string, now: number): { text: string } | { status: 403 | 404 } {
    const object = this.#objects.get(name);
    if (object === undefined) return { status: 404 };
    object.asked += 1;
    if (object.asked === 1) return { status: 403 };
    return now < object.readyAt ? { status: 404 } : { text: object.text };
  }
}

const KEPT_SECONDS = 3600;

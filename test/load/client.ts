import { connect, type Socket } from 'node:net';

export type Target = { readonly port: number; readonly token: string };

/** What came of the connections of one attack. */
export type Seen = {
  connections: number;
  /** Answers by status. */
  readonly answers: Record<string, number>;
  /** Ended by the server. */
  closed: number;
  /** The most answers that one connection was given. */
  answersMax: number;
};

/** One client that means ill. What it does is over when it is closed, by either side. */
export class HostileClient {
  readonly #socket: Socket;
  readonly #timers: NodeJS.Timeout[] = [];
  #answers = 0;

  constructor({ port }: Target, seen: Seen, onClose: () => void) {
    seen.connections += 1;
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (text: string) => {
      for (const [, status = ''] of text.matchAll(/HTTP\/1\.1 (\d{3}) /g)) {
        seen.answers[status] = (seen.answers[status] ?? 0) + 1;
        this.#answers += 1;
        seen.answersMax = Math.max(seen.answersMax, this.#answers);
      }
    });
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      if (!this.#isOurs) seen.closed += 1;
      for (const timer of this.#timers) clearInterval(timer);
      onClose();
    });
  }

  #isOurs = false;

  send(text: string | Buffer): void {
    if (this.#socket.writable) this.#socket.write(text, typeof text === 'string' ? 'latin1' : undefined);
  }

  /** The same bytes over and over, with a pause between. */
  trickle(text: string, everyMs: number): void {
    this.#timers.push(setInterval(() => this.send(text), everyMs));
  }

  /** Takes nothing more, so that what is sent piles up on the other side. */
  stopReading(): void {
    this.#socket.pause();
  }

  /** Goes away in the middle, without a word. */
  breakOffAfter(ms: number): void {
    this.#timers.push(setTimeout(() => this.end(), ms));
  }

  end(): void {
    this.#isOurs = true;
    this.#socket.resetAndDestroy();
  }
}

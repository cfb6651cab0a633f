import { Readable } from 'node:stream';
import type { News } from '../client.ts';

/** What a client may leave unread before it is dropped: it comes back by itself, with its Last-Event-ID. */
const UNREAD_BYTES_MAX = 256 * 1_024;
/** What is handed on ahead of the client's reading. */
const AHEAD_BYTES = 16 * 1_024;

/**
 * News as server-sent events, for one client, at its own pace and in order. Of each session only the newest view
 * waits to be read: two hundred of them at once are no flood, and a slow client gets fewer of them, not older ones.
 */
export class NewsStream extends Readable {
  readonly #write: (news: News) => string;
  readonly #texts: { readonly at: number; readonly text: string }[] = [];
  readonly #views = new Map<string, { readonly at: number; readonly news: News }>();
  #arrived = 0;
  #unreadBytes = 0;
  #isWanted = false;

  constructor(write: (news: News) => string) {
    super({ highWaterMark: AHEAD_BYTES });
    this.#write = write;
  }

  override _read(): void {
    this.#isWanted = true;
    this.#flow();
  }

  tell(news: News): void {
    if (news.kind !== 'session') {
      this.say(this.#write(news));
      return;
    }
    const { session } = news.view;
    this.#arrived += 1;
    this.#views.delete(session);
    this.#views.set(session, { at: this.#arrived, news });
    this.#flow();
  }

  /** What is no news, such as a sign of life. */
  say(text: string): void {
    this.#arrived += 1;
    this.#texts.push({ at: this.#arrived, text });
    this.#unreadBytes += text.length;
    this.#flow();
    if (this.#unreadBytes > UNREAD_BYTES_MAX) this.destroy();
  }

  end(): void {
    this.#isWanted = false;
    this.push(null);
  }

  #flow(): void {
    while (this.#isWanted) {
      const text = this.#next();
      if (text === null) return;
      this.#isWanted = this.push(text);
    }
  }

  /** What came first: a client says by its last event which ones it has. */
  #next(): string | null {
    const [first] = this.#texts;
    const [oldest] = this.#views.values();
    if (oldest !== undefined && (first === undefined || oldest.at < first.at)) {
      this.#views.delete(oldest.news.session ?? '');
      return this.#write(oldest.news);
    }
    if (first === undefined) return null;
    this.#texts.shift();
    this.#unreadBytes -= first.text.length;
    return first.text;
  }
}

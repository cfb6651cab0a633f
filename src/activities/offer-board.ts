import type { Offer } from '../domain/offer.ts';
import type { OfferSearch, VastClient } from '../vast/client.ts';

/** How long one answer serves every launch: ten searches a minute are allowed for all of them together. */
const SHARED_MS = 20_000;
const PAGES_MAX = 5;

type Answer = {
  readonly askedAtMs: number;
  /** Five pages take half a minute: shared from when they were there. */
  readonly answeredAtMs: number;
  readonly offers: readonly Offer[];
};

/** How long an offer that was rented or refused is remembered as gone, unless the market lists it anew before. */
const GONE_MS = 300_000;
/** Who was given offers so long ago and has taken none is not choosing any more. */
const CHOOSING_MS = 60_000;

/**
 * Searches for offers, sharing each answer among all who ask the same within 20 s of it.
 *
 * A shared answer goes on listing what was rented since: without `noteGone` the tenth of ten launches would
 * spend nine creates, 4.5 s each, on what the other nine have rented.
 */
export class OfferBoard {
  readonly #vast: Pick<VastClient, 'searchOffers'>;
  readonly #answers = new Map<string, Promise<Answer>>();
  readonly #goneAtMs = new Map<number, number>();
  readonly #choosing = new Map<string, number>();

  constructor(vast: Pick<VastClient, 'searchOffers'>) {
    this.#vast = vast;
  }

  /** Offers that match, cheapest first. Who asks while the same is being asked waits for that answer. */
  async search(query: OfferSearch, options: { deadlineMs: number }): Promise<readonly Offer[]> {
    const key = JSON.stringify(query);
    for (;;) {
      const asked = this.#answers.get(key);
      const known = await asked?.catch(() => undefined);
      if (known !== undefined && Date.now() - known.answeredAtMs < SHARED_MS) return this.#left(known);
      // Of many who find it too old one asks anew, and the others wait for that one.
      if (this.#answers.get(key) !== asked) continue;
      const asking = this.#ask(query, options.deadlineMs);
      this.#answers.set(key, asking);
      // A failed search is nobody's answer, and old answers are not kept for ever.
      asking.catch(() => this.#answers.delete(key));
      this.#forgetOld(key);
      return this.#left(await asking);
    }
  }

  /**
   * How many others were given offers lately and have taken none yet: they are about to take the best ones, so
   * that whoever is given the same begins behind them.
   */
  enterChoosing(who: string): number {
    const nowMs = Date.now();
    for (const [other, atMs] of this.#choosing) if (nowMs - atMs >= CHOOSING_MS) this.#choosing.delete(other);
    this.#choosing.delete(who);
    const others = this.#choosing.size;
    this.#choosing.set(who, nowMs);
    return others;
  }

  /** It was granted the machine of this offer, which is nobody else's from here on. */
  noteGranted(who: string, offerId: number): void {
    this.#choosing.delete(who);
    this.noteGone(offerId);
  }

  /** Rented by us, or refused as gone. */
  noteGone(offerId: number): void {
    const nowMs = Date.now();
    for (const [id, atMs] of this.#goneAtMs) if (nowMs - atMs >= GONE_MS) this.#goneAtMs.delete(id);
    this.#goneAtMs.set(offerId, nowMs);
  }

  isGone(offerId: number): boolean {
    return Date.now() - (this.#goneAtMs.get(offerId) ?? Number.NEGATIVE_INFINITY) < GONE_MS;
  }

  #left({ askedAtMs, offers }: Answer): readonly Offer[] {
    return offers.filter(({ offerId }) => {
      const goneAtMs = this.#goneAtMs.get(offerId);
      return goneAtMs === undefined || goneAtMs < askedAtMs;
    });
  }

  /** 64 offers back means there may be more: on from the dearest seen, dropping ids seen. */
  async #ask(query: OfferSearch, deadlineMs: number): Promise<Answer> {
    const askedAtMs = Date.now();
    const offers = new Map<number, Offer>();
    let usdPerHourMin = query.usdPerHourMin;
    for (let page = 1; page <= PAGES_MAX; page += 1) {
      const answer = await this.#vast.searchOffers(
        usdPerHourMin === undefined ? query : { ...query, usdPerHourMin },
        { deadlineMs },
      );
      const before = offers.size;
      for (const offer of answer.offers) {
        offers.set(offer.offerId, offer);
        if ((this.#goneAtMs.get(offer.offerId) ?? askedAtMs) < askedAtMs)
          this.#goneAtMs.delete(offer.offerId);
      }
      const dearest = answer.offers.at(-1);
      if (!answer.isCut || dearest === undefined || offers.size === before) break;
      usdPerHourMin = dearest.usdPerHour;
    }
    return { askedAtMs, answeredAtMs: Date.now(), offers: [...offers.values()] };
  }

  #forgetOld(kept: string): void {
    const excess = this.#answers.size - 50;
    for (const key of [...this.#answers.keys()].slice(0, Math.max(0, excess))) {
      if (key !== kept) this.#answers.delete(key);
    }
  }
}

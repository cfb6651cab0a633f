import { patched, sleep } from '@temporalio/workflow';
import type { SearchResult } from '../activities/search-offers.ts';
import { type Attempt, attemptsOfLaunch, type Choice, gpuText } from '../domain/attempt.ts';
import { affords, type Spending, usd } from '../domain/budget.ts';
import { type Failure, failureOf } from '../domain/failure.ts';
import type { Crowd } from '../domain/ledger.ts';
import { search } from './policies.ts';
import type { Rental } from './rental.ts';

/** Grants that found their machine taken cost nothing, but they do not go on for ever. */
const TRIES_PER_ATTEMPT = 5;

/** Offers to try, best first; searches when it is empty. Lanes share one, so that no two try the same machine. */
export class Shelf {
  readonly #rental: Rental;
  #choices: Choice[] = [];
  /** Taken by a lane: the budget is bound by them before their attempts are opened. */
  readonly #promised: Choice[] = [];
  #emptySearches = 0;
  #searching: Promise<Failure | null> | null = null;

  constructor(rental: Rental) {
    this.#rental = rental;
  }

  async next(): Promise<{ choice: Choice } | { failure: Failure }> {
    for (;;) {
      const spent = this.#isSpent();
      if (spent !== null) return { failure: spent };
      const choice = this.#take();
      if (choice !== undefined) return { choice };
      this.#searching ??= this.#search().finally(() => {
        this.#searching = null;
      });
      const failure = await this.#searching;
      if (failure !== null) return { failure };
    }
  }

  /**
   * Others are renting from the same list: the k-th that was turned away goes on with the k-th of what is left.
   * All trying the next one each would be as many refusals as there are pairs of them.
   */
  giveWay({ heldMachines, turnedAway }: Crowd): void {
    const free = this.#choices.filter(({ machineId }) => !heldMachines.includes(machineId));
    const at = free.length === 0 ? 0 : (turnedAway - 1) % free.length;
    this.#choices = [...free.slice(at), ...free.slice(0, at)];
  }

  #isSpent(): Failure | null {
    const { attempts } = this.#rental.state;
    const { maxAttempts: most, maxStartupMs } = this.#rental.policy;
    if (!isOver(attempts, most)) return null;
    // A replacement is a launch of its own. Sessions of before counted all they ever tried.
    const counted = attemptsOfLaunch(attempts, maxStartupMs);
    if (!isOver(counted, most) && patched('attempts-per-launch')) return null;
    const last = attempts.findLast(({ failure }) => failure !== null)?.failure;
    return failureOf(
      'no-offers',
      `${createdOf(counted)} attempts made, LEASH_MAX_ATTEMPTS is ${most}; the last failed: ${last?.message ?? 'unknown'}`,
    );
  }

  /** Checkpoint 2 at the offer: what the budget does not carry for one keep-alive is passed over. */
  #take(): Choice | undefined {
    const { state } = this.#rental;
    const opened = state.attempts
      .filter(({ phase }) => phase !== 'gone')
      .map(({ choice }) => choice.machineId);
    const promised = this.#promised
      .filter((choice) => !state.attempts.some((attempt) => attempt.choice === choice))
      .map(({ machineId }) => machineId);
    for (;;) {
      const choice = this.#choices.shift();
      if (choice === undefined) return undefined;
      const { machineId } = choice;
      if (opened.includes(machineId) || state.blockedMachines.includes(machineId)) continue;
      // Sessions of before let two lanes go for two offers of one machine in the same task.
      if (promised.includes(machineId) && patched('lanes-share-no-machine')) continue;
      if (!this.#carries(choice)) continue;
      this.#promised.push(choice);
      return choice;
    }
  }

  /** With all lanes beside it. Sessions of before counted neither those about to start nor their downloads. */
  #carries(choice: Choice): boolean {
    const nowMs = Date.now();
    const price = { ...choice, keepAliveMs: this.#rental.request.keepAliveMs };
    const before = affords(this.#rental.spending(nowMs), price).affordable;
    const { affordable } = affords(this.#bound(nowMs), price);
    return affordable === before || patched('checkpoint-2-by-lane') ? affordable : before;
  }

  #bound(nowMs: number): Spending {
    return this.#rental.commitments(nowMs, { promised: this.#promised });
  }

  /** Fills the shelf; a failure when there is nothing to fill it with. */
  async #search(): Promise<Failure | null> {
    const { policy, request, state } = this.#rental;
    this.#rental.publish();
    const found: SearchResult = await search({
      summary: 'search offers',
      forMs: policy.searchTimeoutMs,
    }).searchOffers({
      request,
      maxStartupMs: policy.maxStartupMs,
      bootTimeFactor: policy.bootTimeFactor,
      timeoutMs: policy.searchTimeoutMs,
      blockedMachines: state.blockedMachines,
      triedOffers: state.attempts.map(({ choice }) => choice.offerId),
      spending: this.#bound(Date.now()),
    });
    if (found.kind === 'quota') return failureOf('search-quota', found.message);
    if (found.kind === 'refused') return failureOf('auth', found.message);
    if (found.kind === 'found') {
      this.#choices = this.#untried(found.choices);
      if (this.#hasAffordable()) return null;
      const [first, ...others] = this.#choices;
      if (first !== undefined) return this.#tooDear([first, ...others]);
    }
    this.#emptySearches += 1;
    const why = found.kind === 'none' ? found.why : 'every offer that fits was tried';
    if (this.#emptySearches > policy.searchRetriesMax) return failureOf('no-offers', why);
    await sleep(policy.searchPauseMs, { summary: 'no offer fits: search again' });
    return null;
  }

  /** An offer that failed once is not tried again; its machine may be, with another offer, once it is free. */
  #untried(choices: readonly Choice[]): Choice[] {
    const tried = new Set(this.#rental.state.attempts.map(({ choice }) => choice.offerId));
    return choices.filter(({ offerId }) => !tried.has(offerId));
  }

  #hasAffordable(): boolean {
    return this.#choices.some((choice) => this.#carries(choice));
  }

  #tooDear(choices: readonly [Choice, ...Choice[]]): Failure {
    const { request } = this.#rental;
    const bound = this.#bound(Date.now());
    const needs = (choice: Choice): number =>
      affords(bound, { ...choice, keepAliveMs: request.keepAliveMs }).neededUsd;
    const least = choices.reduce((best, choice) => (needs(choice) < needs(best) ? choice : best));
    return failureOf(
      'budget-too-small',
      `the least dear, ${gpuText(least)} at ${usd(least.usdPerHour)}/h, needs ${usd(needs(least))} for one keep-alive, its download and teardown; the budget is ${usd(request.budgetUsd)}`,
    );
  }
}

function isOver(attempts: readonly Attempt[], most: number): boolean {
  return createdOf(attempts) >= most || attempts.length >= most * TRIES_PER_ATTEMPT;
}

function createdOf(attempts: readonly Attempt[]): number {
  return attempts.filter(({ createSentAtMs }) => createSentAtMs !== null).length;
}

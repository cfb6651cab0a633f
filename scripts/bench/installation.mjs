import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openLog } from '../../src/cli/compose/log.ts';
import { compose } from '../../src/cli/compose.ts';
import { isSettled, readBooks } from '../../src/cli/demo/books.ts';
import { connectAdmin } from '../../src/cli/http.ts';

/** Short waits, and no limits of calls unless a bench is about them. */
const SETTINGS = {
  LEASH_PORT: '0',
  LEASH_SIMULATOR_PORT: '0',
  LEASH_TEMPORAL_PORT: '0',
  LEASH_TEMPORAL_UI_PORT: '0',
  LEASH_RATE_SCALE: '0',
  LEASH_DRAIN_SECONDS: '1',
  LEASH_METER_SECONDS: '2',
  LEASH_SETTLE_SECONDS: '5',
  LEASH_TEARDOWN_MARGIN_SECONDS: '20',
  VASTAI_HEALTH_CHECK_INTERVAL_SECONDS: '2',
};

/**
 * An installation of a bench's own, on a simulated market of its own, as `npm start` composes one.
 *
 * @param {object} options
 * @param {Readonly<Record<string, string>>} options.environment settings over the short ones
 * @param {{ timeScale: number, seed: number, profile: string, machines?: number }} options.simulator
 * @param {number} options.patienceMs how long a session may take until it has ended
 * @param {number} [options.lookMs] between two looks at one session: of hundreds, each second would be a load of its own
 */
export async function openBench({ environment, simulator, patienceMs, lookMs = 300 }) {
  const home = mkdtempSync(join(tmpdir(), 'leash-bench-'));
  const running = await compose({
    environment: { ...SETTINGS, ...environment, LEASH_HOME: home },
    market: 'simulated',
    ownTemporal: true,
    simulator: { ...simulator, profile: /** @type {'calm' | 'flaky' | 'hostile'} */ (simulator.profile) },
    logger: openLog({ home: join(home, 'simulated'), level: 'warn', print: null }),
  });
  const { adminToken, owner } = running.installation;
  const marketUrl = running.market.url;
  const api = connectAdmin({ url: running.apiUrl, tokens: [{ value: adminToken, from: 'this bench' }] });

  return {
    api,
    owner,
    marketUrl,

    /**
     * Asks for the status again and again, until `look` makes something of it that is not null.
     *
     * @template Seen
     * @param {string} session
     * @param {(status: Awaited<ReturnType<typeof api.status>>['value']) => Seen | null} look
     * @returns {Promise<Seen>}
     */
    async until(session, look) {
      const untilMs = Date.now() + patienceMs;
      while (Date.now() < untilMs) {
        const seen = look((await api.status(session)).value);
        if (seen !== null) return seen;
        await pause(lookMs);
      }
      throw new Error(`${session} is not so far after ${patienceMs / 1_000} s`);
    },

    /** @param {string} session */
    receiptOf(session) {
      return this.until(session, ({ receipt }) => receipt);
    },

    /**
     * The market's books once it bills nothing of these labels any more, or as they are when that takes too long.
     *
     * @param {ReadonlySet<string>} labels
     */
    async settledBooks(labels) {
      const untilMs = Date.now() + patienceMs;
      let books = await readBooks(marketUrl);
      while (!isSettled(books, labels) && Date.now() < untilMs) {
        await pause(500);
        books = await readBooks(marketUrl);
      }
      return books;
    },

    async close() {
      await running.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/**
 * Runs `runOne` for 0 to `count - 1`, so many at once; the results in the order of the numbers.
 *
 * @template Result
 * @param {{ count: number, together: number }} size
 * @param {(index: number) => Promise<Result>} runOne
 * @returns {Promise<Result[]>}
 */
export async function inLanes({ count, together }, runOne) {
  const waiting = Array.from({ length: count }, (_, index) => index);
  /** @type {{ index: number, result: Result }[]} */
  const results = [];
  const lane = async () => {
    for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) {
      results.push({ index, result: await runOne(index) });
      if (process.stderr.isTTY) process.stderr.write(`\r${results.length}/${count} `);
    }
  };
  await Promise.all(Array.from({ length: together }, lane));
  if (process.stderr.isTTY) process.stderr.write('\r');
  return results.sort((a, b) => a.index - b.index).map(({ result }) => result);
}

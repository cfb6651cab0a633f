import { request } from 'undici';
import { labelsOf } from '../../domain/instance.ts';
import { parseLabel } from '../../domain/label.ts';
import { REAP_GRACE_MS } from '../../domain/reaping.ts';
import { createVastClient, type KeyRights, MarketError, type VastClient } from '../../vast/client.ts';
import { explainBroad, NARROW_KEY_COMMAND } from '../../vast-key.ts';
import { usd, usdPerHour } from '../text.ts';
import { broken, type Check, fine, reason, warning } from './check.ts';

type Market = {
  readonly apiUrl: string;
  readonly apiKey: string;
  readonly rateScale: number;
  /** A key that could move money is put up with. */
  readonly allowsBroadKey: boolean;
};

const CALL_MS = 15_000;
const CREDIT_LOW_USD = 1;
const SKEW_WARNING_MS = 30_000;
const SKEW_BROKEN_MS = 300_000;

/** The market: its clock, our key and what it may do, credit, and what lost homes left running there. */
export async function checkMarket(
  market: Market,
  owner: string | null,
): Promise<{ checks: Check[]; accountId: string | null }> {
  const vast = createVastClient(market);
  try {
    const clock = await checkClock(market.apiUrl);
    const account = await checkKey(vast);
    if (account.accountId === null) return { checks: [clock, ...account.checks], accountId: null };
    const rights = await checkRights(vast, market);
    return {
      checks: [clock, ...account.checks, rights, await checkLeftBehind(vast, owner)],
      accountId: account.accountId,
    };
  } finally {
    await vast.close();
  }
}

async function checkClock(apiUrl: string): Promise<Check> {
  try {
    const sentMs = Date.now();
    const { headers, body } = await request(apiUrl, { signal: AbortSignal.timeout(CALL_MS) });
    await body.dump();
    const theirs = Date.parse(String(headers.date));
    // The header has whole seconds, and was written while the answer was on its way.
    const skewMs = theirs + 500 - (sentMs + Date.now()) / 2;
    if (!Number.isFinite(skewMs))
      return warning('clock', 'The market tells no time.', 'Compare this clock by hand.');
    const says = `This clock is ${(Math.abs(skewMs) / 1_000).toFixed(1)} s ${skewMs > 0 ? 'behind' : 'ahead of'} the market's.`;
    const remedy = 'Set the clock (NTP): labels expire and budgets end by it.';
    if (Math.abs(skewMs) > SKEW_BROKEN_MS) return broken('clock', says, remedy);
    return Math.abs(skewMs) > SKEW_WARNING_MS ? warning('clock', says, remedy) : fine('clock', says);
  } catch (error) {
    return broken(
      'clock',
      `${apiUrl} does not answer: ${reason(error)}`,
      'See the network and the market’s status page.',
    );
  }
}

async function checkKey(vast: VastClient): Promise<{ checks: Check[]; accountId: string | null }> {
  try {
    const { accountId, creditUsd } = await vast.currentUser({ deadlineMs: Date.now() + CALL_MS });
    const credit =
      creditUsd <= 0
        ? broken('credit', `${usd(creditUsd)}: nothing can be rented.`, 'Add credit to the account.')
        : creditUsd < CREDIT_LOW_USD
          ? warning('credit', usd(creditUsd), 'Add credit: at zero the provider ends what runs.')
          : fine('credit', usd(creditUsd));
    return { checks: [fine('key', `It is taken, for account ${accountId}.`), credit], accountId };
  } catch (error) {
    const isKey = error instanceof MarketError && (error.kind === 'auth' || error.kind === 'refused');
    const check = isKey
      ? broken('key', reason(error), 'Set VASTAI_API_KEY to a key of the account, with its permissions.')
      : broken('market', reason(error), 'See the network and the market’s status page.');
    return { checks: [check], accountId: null };
  }
}

/** As the market states them; where it does not, what can be tried without changing anything. */
async function checkRights(vast: VastClient, { allowsBroadKey }: Market): Promise<Check> {
  const rights = await vast
    .readKeyRights({ deadlineMs: Date.now() + CALL_MS })
    .catch((error: unknown): KeyRights => ({ kind: 'unstated', why: reason(error) }));
  if (rights.kind === 'unstated') return tryRights(vast, rights.why);
  const { missing, broad } = rights;
  if (missing.length > 0)
    return broken(
      'rights',
      `The key lacks ${missing.join(', ')}: launches or receipts would fail.`,
      NARROW_KEY_COMMAND,
    );
  if (broad.length === 0)
    return fine('rights', 'The key may do what Leash does, and can neither move money nor make keys.');
  return allowsBroadKey
    ? warning(
        'rights',
        `The key may also ${broad.join(', ')}, as LEASH_ALLOW_BROAD_KEY lets it.`,
        NARROW_KEY_COMMAND,
      )
    : broken('rights', explainBroad(broad), NARROW_KEY_COMMAND);
}

async function tryRights(vast: VastClient, why: string): Promise<Check> {
  const nowMs = Date.now();
  const tries: [what: string, ask: () => Promise<unknown>][] = [
    ['list instances', () => vast.listInstances({}, { deadlineMs: Date.now() + CALL_MS })],
    [
      'read charges',
      () =>
        vast.listCharges({ fromMs: nowMs - 86_400_000, toMs: nowMs }, { deadlineMs: Date.now() + CALL_MS }),
    ],
  ];
  const refused: string[] = [];
  for (const [what, ask] of tries) {
    await ask().catch((error: unknown) => refused.push(`${what} (${reason(error)})`));
  }
  return refused.length === 0
    ? warning(
        'rights',
        `The market does not state what the key may do: ${why}. It may ${tries.map(([what]) => what).join(' and ')}; nothing else was tried.`,
        `Be sure that it cannot move money: ${NARROW_KEY_COMMAND}`,
      )
    : broken('rights', `It could not ${refused.join(', nor ')}.`, NARROW_KEY_COMMAND);
}

/** Instances of other owners past their expiry: money that nobody here ends by itself. */
async function checkLeftBehind(vast: VastClient, owner: string | null): Promise<Check> {
  try {
    const instances = await vast.listInstances({}, { deadlineMs: Date.now() + CALL_MS });
    const left = instances.flatMap((instance) => {
      const label = labelsOf(instance)
        .map(parseLabel)
        .find((parsed) => parsed !== null);
      const isExpired = label && Date.now() > label.expiresAtSec * 1_000 + REAP_GRACE_MS;
      return isExpired && label.owner !== owner ? [{ owner: label.owner, instance }] : [];
    });
    if (left.length === 0) return fine('left behind', 'No instance of another owner is past its expiry.');
    const owners = [...new Set(left.map((one) => one.owner))];
    const perHour = left.reduce((sum, { instance }) => sum + (instance.usdPerHour ?? 0), 0);
    return warning(
      'left behind',
      `${left.length} of other owners past their expiry, ${usdPerHour(perHour)} together: ${left.map(({ instance }) => instance.instanceId).join(', ')}`,
      `Where that home is lost: ${owners.map((id) => `leash reap --owner ${id}`).join('; ')}`,
    );
  } catch (error) {
    return warning('left behind', `Not known: ${reason(error)}`, 'Look again later.');
  }
}

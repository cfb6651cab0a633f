import { join, relative, resolve } from 'node:path';
import type { Budget } from '../../client.ts';
import { lookNow } from '../call-options.ts';
import { colours } from '../colours.ts';
import type { Running } from '../compose.ts';
import { signInText } from '../dashboard.ts';
import { facts, wrap } from '../layout.ts';
import { usd } from '../text.ts';
import { periodText } from './watch-sessions.ts';

/** The one screen of `leash up`: which market, where everything is, what to try. */
export function upLines(
  running: Running,
  more: {
    tookMs: number;
    logFile: string;
    open: readonly string[];
    budget: Budget | null;
    /** The sessions and how to stop stand below, in place. */
    isLive: boolean;
  },
): string[] {
  const look = lookNow();
  const { apiUrl, temporal, installation } = running;
  const tokenFile = tokenFileOf(running);
  return [
    ...wrap(marketLine(running), look.width),
    '',
    ...facts(
      [
        ['dashboard', `${apiUrl}/`],
        ['sign in', signInText(tokenFile === null ? null : shown(tokenFile))],
        ['gateway', `${apiUrl}/v1 (OpenAI-compatible)`],
        ['admin API', `${apiUrl}/api/admin`],
        ['Temporal', temporalText(temporal)],
        ...(more.budget === null ? [] : [['budget', budgetText(more.budget)] as const]),
        ['owner', `${installation.owner} (in the label of every instance rented from here)`],
        ['log', shown(more.logFile)],
      ],
      look,
    ),
    '',
    ...(more.open.length === 0 ? [] : [`Open from before, and going on: ${more.open.join(', ')}.`, '']),
    `Up after ${(more.tookMs / 1_000).toFixed(1)} s. Try in another terminal:`,
    '  npx leash launch        rent a GPU and wait until its model is READY',
    '  npx leash status        where it stands, what it costs, what ends it',
    '  npx leash destroy       give it back, with a receipt',
    '',
    ...(more.isLive ? [] : [stoppingLine(running)]),
  ];
}

/** Where the admin token lies; null when it came from the environment. */
export function tokenFileOf({
  installation,
  config,
}: Pick<Running, 'installation' | 'config'>): string | null {
  if (config.ADMIN_TOKEN_FILE !== undefined) return resolve(config.ADMIN_TOKEN_FILE);
  return installation.isAdminTokenGenerated ? join(installation.home, 'admin-token') : null;
}

/** What becomes of sessions that the program left behind. */
export function unendedLines(names: readonly string[], guardMinutes: number): string[] {
  return [
    names.length === 0
      ? 'Left at once. Sessions that were open still are.'
      : `Not seen to end in time: ${names.join(', ')}.`,
    "They are in Temporal's database: the next start goes on with their teardown, and its reaper ends whatever",
    'no session claims. Until then their instances go on, and go on costing.',
    ...(guardMinutes === 0
      ? []
      : [
          `Without a next start the guard in each instance ends it, ${guardMinutes} minutes after it last heard of us.`,
        ]),
  ];
}

function budgetText({ limitUsd, spentUsd, period }: Budget): string {
  return `${usd(spentUsd)} of ${usd(limitUsd)} ${periodText(period)} spent; a launch that it does not carry is refused`;
}

function marketLine({ market }: Running): string {
  return market.kind === 'simulated'
    ? `${colours.bold('leash')} on a ${colours.yellow('simulated market')} (${market.url}): nothing here costs money. Set VASTAI_API_KEY to rent for real.`
    : `${colours.bold('leash')} on ${colours.red('the real market')} (${market.url}): what is rented here costs money.`;
}

function temporalText({ address, namespace, uiUrl }: Running['temporal']): string {
  return uiUrl === null
    ? `${address}, namespace ${namespace}`
    : `${uiUrl}/namespaces/${namespace}/workflows (Web UI; server at ${address})`;
}

/** What Ctrl-C does. */
export function stoppingLine({ config }: Running): string {
  return config.VASTAI_AUTO_DESTROY_ON_SHUTDOWN === false
    ? 'Ctrl-C stops all of it and leaves the sessions open: nothing watches them until the next start.'
    : 'Ctrl-C ends every open session, waits for the receipts and stops all of it.';
}

function shown(path: string): string {
  const here = relative(process.cwd(), path);
  return here.startsWith('..') ? path : here;
}

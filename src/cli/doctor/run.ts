import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, ConfigError } from '../../config.ts';
import { type Installation, openInstallation } from '../../installation.ts';
import { printJson, printLines } from '../call-options.ts';
import { colours } from '../colours.ts';
import { settle } from '../compose.ts';
import { EXIT } from '../exit-code.ts';
import { readServerNote, type ServerNote } from '../server-note.ts';
import { findTarget } from '../target.ts';
import { checkAuthority } from './authority.ts';
import { broken, type Check, reason, warning } from './check.ts';
import { checkEncryption } from './encryption.ts';
import { checkMachine, checkServer } from './machine.ts';
import { checkMarket } from './market.ts';
import { checkTemporal } from './temporal.ts';

export type DoctorOptions = { readonly url?: string; readonly json?: boolean; readonly version: string };

/** Looks at everything a session needs. Returns the exit code: 1 when something is broken. */
export async function doctor(options: DoctorOptions): Promise<number> {
  const checks = await checkAll(options);
  const isWell = checks.every(({ verdict }) => verdict !== 'broken');
  if (options.json === true) printJson({ well: isWell, checks });
  else printLines(checkLines(checks));
  return isWell ? EXIT.done : EXIT.failed;
}

async function checkAll({ url, version }: DoctorOptions): Promise<Check[]> {
  const server = () => checkServer(findTarget({ url }, process.env).url, version);
  let settled: ReturnType<typeof settle>;
  try {
    settled = settle({ environment: process.env });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [
      broken('settings', error.message, 'docs/configuration.md has each setting.'),
      ...(await server()),
    ];
  }
  const { config, home, namespace } = settled;
  const installation = installationOf(config, home);
  const owner = installation?.owner ?? null;
  const beside = besideOf(settled);
  const market = marketOf(settled, beside);
  const { checks: ofMarket, accountId } =
    market === null ? { checks: [noMarket(home)], accountId: null } : await checkMarket(market, owner);
  const binding =
    owner === null || market === null || accountId === null
      ? null
      : { owner, apiUrl: market.apiUrl, accountId };
  const address = config.TEMPORAL_ADDRESS ?? beside?.temporal ?? `127.0.0.1:${config.LEASH_TEMPORAL_PORT}`;
  const { check: encryption, keys: payloadKeys } = checkEncryption(config.LEASH_PAYLOAD_KEYS_FILE);
  return [
    ...checkMachine(home),
    checkAuthority({ home, caDir: config.LEASH_CA_DIR, isOn: config.LEASH_INSTANCE_TLS }),
    encryption,
    ...(await server()),
    ...(await checkTemporal({ address, namespace, payloadKeys }, { installation, binding })),
    ...ofMarket,
  ];
}

/** One that is there; a look makes none. */
function installationOf(config: Config, home: string): Installation | null {
  if (!existsSync(join(home, 'installation.json'))) return null;
  try {
    return openInstallation({ home, owner: config.LEASH_OWNER, secretFile: config.LEASH_SECRET_FILE });
  } catch (error) {
    process.stderr.write(`${reason(error)}\n`);
    return null;
  }
}

/** What `leash up` of this home runs, whose ports this terminal need not know; null when it runs another installation. */
function besideOf({ config, namespace }: ReturnType<typeof settle>): ServerNote['beside'] | null {
  const beside = readServerNote(config.LEASH_HOME)?.beside;
  return beside?.namespace === namespace ? beside : null;
}

function marketOf(
  { config, isSimulated, home }: ReturnType<typeof settle>,
  beside: ServerNote['beside'] | null,
) {
  const { LEASH_RATE_SCALE: rateScale, LEASH_ALLOW_BROAD_KEY: allowsBroadKey } = config;
  if (!isSimulated)
    return { apiUrl: config.VASTAI_API_URL, apiKey: config.VASTAI_API_KEY ?? '', rateScale, allowsBroadKey };
  const keyFile = join(home, 'simulator-key');
  if (!existsSync(keyFile)) return null;
  const apiKey = readFileSync(keyFile, 'utf8').trim();
  const apiUrl = beside?.market_url ?? `http://127.0.0.1:${config.LEASH_SIMULATOR_PORT}`;
  return { apiUrl, apiKey, rateScale, allowsBroadKey };
}

function noMarket(home: string): Check {
  return warning(
    'market',
    `VASTAI_API_KEY is not set, and no simulated market has run in ${home}.`,
    'Set VASTAI_API_KEY to rent for real, or run leash up for the simulated market.',
  );
}

const MARKS = { ok: colours.green('ok'), warning: colours.yellow('!!'), broken: colours.red('XX') };

export function checkLines(checks: readonly Check[]): string[] {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, verdict, says, remedy }) => [
    `${MARKS[verdict]}  ${name.padEnd(width)}  ${says}`,
    ...(remedy === null ? [] : [`    ${' '.repeat(width)}  → ${remedy}`]),
  ]);
  const count = checks.filter(({ verdict }) => verdict === 'broken').length;
  return [...lines, '', count === 0 ? 'Nothing is broken.' : `${count} of ${checks.length} broken.`];
}

import { Accounts, type AccountsState } from './accounts.ts';
import type { Backend } from './backend.ts';
import { Cashier } from './cashier.ts';
import { Containers } from './containers.ts';
import type { Contract } from './contract.ts';
import { Contracts } from './contracts.ts';
import { type FaultScript, Faults } from './faults.ts';
import { readRights, type ScopedKey } from './keys.ts';
import { Life } from './life.ts';
import { LogObjects } from './log-objects.ts';
import { Market, type MarketState } from './market.ts';
import { makeProfile, type ProfileName } from './profiles.ts';
import { Rates } from './rates.ts';
import { RequestLog } from './request-log.ts';
import { Scaling } from './serverless/scaling.ts';
import { type Patience, Serverless, type ServerlessState } from './serverless/serverless.ts';
import { openStrangers } from './strangers.ts';
import { Triggers } from './triggers.ts';
import { type Volume, Volumes } from './volumes.ts';

export type WorldSettings = {
  readonly host: string;
  readonly seed: number;
  readonly machines: number;
  readonly timeScale: number;
  readonly rateScale: number;
  readonly profile: ProfileName;
  /** How much offers move, 1 as in a calm market; undefined: as the profile has it. */
  readonly restlessness: number | undefined;
  readonly backend: Backend;
  readonly key: string | undefined;
  readonly logFile: string | undefined;
  /** How far the charges lag behind the meter, wall-clock seconds. */
  readonly chargesLagSeconds: number;
  readonly faults: readonly FaultScript[];
  readonly patience?: Partial<Patience> | undefined;
};

/** What outlives a restart. */
export type WorldState = {
  readonly version: 1;
  readonly accounts: AccountsState;
  readonly market: MarketState;
  readonly contracts: readonly Contract[];
  readonly volumes: readonly Volume[];
  /** Absent from what earlier versions have saved. */
  readonly serverless?: ServerlessState;
};

/** The whole simulated market, without its HTTP. Everything reads the one clock. */
export class World {
  readonly settings: WorldSettings;
  readonly market: Market;
  readonly accounts: Accounts;
  readonly contracts: Contracts;
  readonly volumes: Volumes;
  readonly containers: Containers;
  readonly life: Life;
  readonly cashier: Cashier;
  readonly faults: Faults;
  readonly triggers = new Triggers();
  readonly rates: Rates;
  readonly requests: RequestLog;
  readonly logObjects: LogObjects;
  readonly serverless: Serverless;
  readonly scaling: Scaling;
  readonly #changed: () => void;
  readonly #ticker: NodeJS.Timeout;
  #movesSavedAt = 0;
  #url: string | null = null;

  constructor(settings: WorldSettings, changed: () => void, state?: WorldState, mainKey?: string) {
    const now = epochSeconds();
    const { seed, timeScale, machines, host, backend } = settings;
    this.settings = settings;
    this.#changed = changed;
    const restlessness = settings.restlessness ?? RESTLESSNESS[settings.profile];
    this.market = new Market({ seed, machines, timeScale, restlessness }, now, state?.market);
    const accounts = state?.accounts ?? (mainKey === undefined ? undefined : { mainKey, accounts: [] });
    this.accounts = new Accounts({ key: settings.key, now, state: accounts });
    this.contracts = new Contracts(state?.contracts);
    this.volumes = new Volumes(state?.volumes);
    this.containers = new Containers({ backend, host, seed, timeScale });
    this.life = new Life({
      options: { seed, timeScale, clock: epochSeconds, changed },
      market: this.market,
      contracts: this.contracts,
      containers: this.containers,
    });
    this.cashier = new Cashier({
      market: this.market,
      contracts: this.contracts,
      volumes: this.volumes,
      life: this.life,
      accounts: this.accounts,
      chargesLagSeconds: settings.chargesLagSeconds,
    });
    this.faults = new Faults(makeProfile(settings.profile, seed, timeScale), settings.faults);
    this.rates = new Rates(settings.rateScale);
    this.requests = new RequestLog(settings.logFile);
    this.logObjects = new LogObjects(timeScale);
    this.serverless = new Serverless({
      clock: epochSeconds,
      patience: settings.patience,
      state: state?.serverless,
    });
    this.scaling = new Scaling(this, () => this.url());
    if (state === undefined) openStrangers(this, now);
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Epoch seconds. */
  now(): number {
    return epochSeconds();
  }

  /** Something that must survive a restart has changed. */
  changed(): void {
    this.#changed();
  }

  /** Sets an account's credit, by paying in (or back) the difference. The main account's without a key. */
  setCredit(usd: number, key: string = this.accounts.mainKey): { account: number; credit: number } {
    const now = this.now();
    const account = this.accounts.find(key, now);
    if (account === null) throw new Error('there is no account with this key');
    const difference = usd - this.cashier.creditUsd(account, now);
    this.accounts.pay(account, { usd: difference, at: now, description: 'Adjustment' });
    this.changed();
    return { account: account.id, credit: this.cashier.creditUsd(account, now) };
  }

  /** A key of the main account, as its Keys page makes one: whatever it is told to be able to do. */
  makeKey(permissions: unknown, name: string | null = null): ScopedKey {
    const rights = readRights(permissions);
    if (rights === null) throw new Error('permissions are an object of objects');
    const made = this.accounts.makeKey(this.accounts.main, { name, rights });
    this.changed();
    return made;
  }

  state(): WorldState {
    this.cashier.settleAll(this.now());
    return {
      version: 1,
      accounts: this.accounts.state(),
      market: this.market.state(),
      contracts: this.contracts.all(),
      volumes: this.volumes.all(),
      serverless: this.serverless.state(),
    };
  }

  /** The address of its API, where its own workers report to. */
  url(): string {
    if (this.#url === null) throw new Error('the world is not open yet');
    return this.#url;
  }

  /** Containers of a restored state serve again. */
  async open(url: string): Promise<void> {
    this.#url = url;
    await this.life.resume();
  }

  /** Ends all serving; contracts and books stay as they are. */
  async close(): Promise<void> {
    clearInterval(this.#ticker);
    this.life.close();
    await this.containers.close();
    this.requests.close();
  }

  #tick(): void {
    const now = this.now();
    // The market moves all the time: what is not saved for a few seconds is only prices.
    if (this.market.move(now) && now - this.#movesSavedAt > MOVES_SAVED_SECONDS) {
      this.#movesSavedAt = now;
      this.#changed();
    }
    this.life.startQueued();
    this.cashier.tick(now);
    if (this.#url !== null) this.scaling.tick();
  }
}

const RESTLESSNESS: Record<ProfileName, number> = { calm: 1, flaky: 3, hostile: 8 };
const TICK_MS = 250;
const MOVES_SAVED_SECONDS = 5;

function epochSeconds(): number {
  return Date.now() / 1000;
}

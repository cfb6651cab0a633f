import { setTimeout as pause } from 'node:timers/promises';
import type { ContractRecord } from '../../src/simulator/api/control.ts';
import type { RequestEntry } from '../../src/simulator/request-log.ts';

export type { ContractRecord } from '../../src/simulator/api/control.ts';

const CALL_MS = 20_000;
const TOO_OFTEN_MS = 1_000;

/** The simulated market by its control calls, and as another renter of the same account. */
export class Market {
  readonly url: string;
  readonly #key: string;

  constructor(url: string, key: string) {
    this.url = url;
    this.#key = key;
  }

  async contracts(): Promise<ContractRecord[]> {
    const { contracts } = (await this.#control('GET', 'contracts')) as { contracts: ContractRecord[] };
    return contracts;
  }

  async requests(after: number): Promise<RequestEntry[]> {
    const { requests } = (await this.#control('GET', `requests?after=${after}`)) as {
      requests: RequestEntry[];
    };
    return requests;
  }

  async addFault(script: object): Promise<void> {
    await this.#control('POST', 'faults', { add: [script] });
  }

  async clearFaults(): Promise<void> {
    await this.#control('POST', 'faults', { clear: true });
  }

  /** What the account may still spend, dollars. */
  async setCredit(usd: number): Promise<void> {
    await this.#control('POST', 'credit', { usd });
  }

  /** Multiplies the waits between calls from now on; 0: no limits. */
  async setRates(scale: number): Promise<void> {
    await this.#control('POST', 'rates', { scale });
  }

  /** As anybody with the account's key destroys an instance; sent again while the market says that it is too often. */
  async destroy(id: number): Promise<void> {
    for (;;) {
      const answer = await fetch(`${this.url}/api/v0/instances/${id}/`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${this.#key}` },
        signal: AbortSignal.timeout(CALL_MS),
      });
      if (answer.ok) return;
      if (answer.status !== 429)
        throw new Error(`The market refuses to destroy ${id}: ${await answer.text()}`);
      await pause(TOO_OFTEN_MS);
    }
  }

  /** Refused when the process has just ended: then there is nothing to kill. */
  async armKill(call: string, moment: string, pid: number): Promise<boolean> {
    return this.#control('POST', 'triggers', { call, moment, signal: { pid, name: 'SIGKILL' } }).then(
      () => true,
      () => false,
    );
  }

  async disarm(): Promise<void> {
    await this.#control('DELETE', 'triggers');
  }

  /** Rents in the same account past Leash, one instance for each label. */
  async rentForOthers(labels: readonly (string | null)[]): Promise<void> {
    const { machines } = (await this.#control('GET', 'machines')) as { machines: MachineRow[] };
    const free = machines
      .flatMap(({ offers }) => offers)
      .filter(({ num_gpus, contract_id, listed }) => num_gpus === 1 && contract_id === null && listed)
      .sort((a, b) => a.usd_per_hour - b.usd_per_hour);
    let at = 0;
    for (const label of labels) {
      // A flaky market refuses or loses some of them.
      for (let tries = 0; tries < 8; tries += 1, at += 1) {
        const answer = await fetch(`${this.url}/api/v0/asks/${free[at]?.offer_id}/`, {
          method: 'PUT',
          headers: { authorization: `Bearer ${this.#key}`, 'content-type': 'application/json' },
          body: JSON.stringify({
            client_id: 'me',
            image: 'ubuntu:24.04',
            disk: 10,
            runtype: 'ssh_proxy',
            ...(label === null ? {} : { label }),
          }),
          signal: AbortSignal.timeout(CALL_MS),
        }).catch(() => null);
        if (answer?.ok) break;
      }
    }
  }

  /** A label, as anybody with the account's key changes it. */
  async rename(id: number, label: string): Promise<void> {
    await fetch(`${this.url}/api/v0/instances/${id}/`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${this.#key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ label }),
      signal: AbortSignal.timeout(CALL_MS),
    });
  }

  async #control(method: string, path: string, body?: object): Promise<unknown> {
    const answer = await fetch(`${this.url}/_sim/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(CALL_MS),
    });
    if (!answer.ok) throw new Error(`The market refuses ${method} ${path}: ${await answer.text()}`);
    return answer.json();
  }
}

type MachineRow = {
  readonly offers: readonly {
    readonly offer_id: number;
    readonly num_gpus: number;
    readonly usd_per_hour: number;
    readonly contract_id: number | null;
    readonly listed: boolean;
  }[];
};

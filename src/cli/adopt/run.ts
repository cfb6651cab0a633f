import { type Config, namespaceOf, parseConfig } from '../../config.ts';
import { labelOfOwner } from '../../domain/reaping.ts';
import { openConfigured } from '../../installation.ts';
import { adoptLedger, NotThisInstallation } from '../../ledger-opening.ts';
import { connectClient } from '../../temporal/connection.ts';
import { startEmbeddedTemporal } from '../../temporal/embedded-server.ts';
import { ensureNamespace } from '../../temporal/namespace.ts';
import type { VastClient } from '../../vast/client.ts';
import type { AdoptOptions } from '../adopt.ts';
import { printJson, printLines } from '../call-options.ts';
import { confirm } from '../confirm.ts';
import { CommandError, EXIT } from '../exit-code.ts';
import { listOf, ownerOf, withAccount } from '../own-account.ts';
import { plural, usdPerHour } from '../text.ts';

/** Makes the ledger of this installation anew in a Temporal that has never known it. Returns the exit code. */
export async function adopt(options: AdoptOptions, isJson: boolean): Promise<number> {
  const config = parseConfig(process.env);
  const owner = ownerOf(config);
  if (owner === null) {
    throw new CommandError(
      EXIT.usage,
      `There is no installation in ${config.LEASH_HOME} to go on with: set LEASH_HOME to its home, or LEASH_OWNER.`,
    );
  }
  return withAccount(config, async (vast) => {
    const rented = await rentedUnder(vast, owner);
    if (!isJson) printLines(announcement(config, owner, rented));
    if (rented.length > 0 && options.withInstances !== true) throw stillRented(rented);
    const isSure =
      options.yes === true ||
      (await confirm('Is the Temporal that knew this installation gone for good?', '--yes says so.'));
    if (!isSure) return EXIT.failed;
    const { accountId } = await vast.currentUser({ deadlineMs: Date.now() + 30_000 });
    const isNew = await makeLedger(config, { owner, apiUrl: config.VASTAI_API_URL, accountId });
    if (isJson) printJson({ owner, adopted: isNew, rented });
    else printLines(result(isNew, rented.length));
    return EXIT.done;
  });
}

type Rented = { instance_id: number; label: string; session: string; usd_per_hour: number | null };

async function rentedUnder(vast: VastClient, owner: string): Promise<Rented[]> {
  return (await listOf(vast)).flatMap((instance) => {
    const label = labelOfOwner(instance, owner);
    if (label === null) return [];
    const { instanceId, usdPerHour } = instance;
    const { session } = label.parsed;
    return [{ instance_id: instanceId, label: label.text, session, usd_per_hour: usdPerHour }];
  });
}

function announcement(config: Config, owner: string, rented: readonly Rented[]): string[] {
  return [
    `Owner ${owner} at ${config.VASTAI_API_URL}: ${plural(rented.length, 'instance')} rented under its label.`,
    ...rented.map(
      ({ instance_id, session, usd_per_hour: price }) =>
        `  ${instance_id}, of session ${session}, ${price === null ? 'price unknown' : usdPerHour(price)}`,
    ),
  ];
}

function stillRented(rented: readonly Rented[]): CommandError {
  return new CommandError(
    EXIT.refused,
    `${plural(rented.length, 'instance')} of this owner ${rented.length === 1 ? 'is' : 'are'} rented, and a new Temporal knows none of their sessions. ` +
      'If the old Temporal still runs, use that one. If it is gone, end them with `leash reap --without-temporal`, ' +
      'or leave them to the reaper, which destroys what it has seen twice: leash adopt --with-instances.',
  );
}

/** True when it was made; false when this Temporal knew the installation all along. */
async function makeLedger(
  config: Config,
  binding: { owner: string; apiUrl: string; accountId: string },
): Promise<boolean> {
  const installation = openConfigured(config);
  const namespace = namespaceOf(config);
  await using closing = new AsyncDisposableStack();
  let address = config.TEMPORAL_ADDRESS;
  if (address === undefined) {
    const { LEASH_HOME: home, LEASH_TEMPORAL_PORT: port } = config;
    const embedded = await startEmbeddedTemporal({ home, port, uiPort: null, namespace });
    closing.defer(() => embedded.stop());
    address = embedded.address;
  }
  const { client, connection, close } = await connectClient({ address, namespace });
  closing.defer(close);
  try {
    await ensureNamespace(connection, namespace);
    return await adoptLedger(client, installation, binding);
  } catch (error) {
    if (error instanceof NotThisInstallation) throw new CommandError(EXIT.refused, error.message);
    throw error;
  }
}

function result(isNew: boolean, rented: number): string[] {
  if (!isNew) return ['This Temporal knows the installation already: there is nothing to adopt.'];
  const next =
    rented === 0
      ? ''
      : ` The reaper destroys the ${plural(rented, 'instance')} once it has seen ${rented === 1 ? 'it' : 'them'} twice.`;
  return [
    `Adopted. Start a worker: it reads back what was spent before it grants anything.${next}`,
    'Sessions and schedules of the old Temporal are lost: launch and schedule them again.',
  ];
}

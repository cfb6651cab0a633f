import { setTimeout as pause } from 'node:timers/promises';
import { MarketError } from '../../vast/client.ts';
import {
  type Endpoint,
  endpointRequests,
  type ServerlessThing,
  templateRequests,
  type VastRequest,
  workergroupRequests,
} from '../../vast/serverless.ts';
import { printJson, printLines } from '../call-options.ts';
import { CommandError, EXIT } from '../exit-code.ts';
import { plural } from '../text.ts';
import { findEndpoint, findTemplate, groupsOf } from './found.ts';
import { type Market, withMarket } from './market.ts';

export type DestroyOptions = {
  readonly isJson: boolean;
  readonly yes: boolean;
  /** Left out: the template stays, which costs nothing. */
  readonly template?: string | undefined;
  readonly confirm: (question: string) => Promise<boolean>;
};

/** Deletes and looks go on for this long; what is left then is said. */
const PATIENCE_MS = 180_000;
const GAP_MS = 3_000;

/**
 * Ends an endpoint and everything that bills for it.
 *
 * 1. The endpoint is stopped first, so that the engine rents nobody while its workers are ended.
 * 2. Its workers are gone when two lists in a row show none of them. Only then does the workergroup go: deleting it
 *    may leave them running, and then nothing tells any more whose they are.
 * 3. The endpoint goes last: its name leads here again when something has failed.
 */
export async function destroy(name: string, options: DestroyOptions): Promise<number> {
  const remedy = 'What was done stays; the same command goes on from there.';
  await withMarket(process.env, remedy, async (market) => {
    const endpoint = await findEndpoint(market, name);
    const destroyed = endpoint === null ? [] : await endEndpoint(market, endpoint, options);
    await deleteTemplate(market, options);
    if (options.isJson) printJson({ endpoint_id: endpoint?.endpointId ?? null, destroyed });
    else if (endpoint === null) printLines([`There is no endpoint ${name} at ${market.apiUrl}.`]);
    else printLines(['Nothing of it bills any more.']);
  });
  return EXIT.done;
}

/** The ids of the instances that were ended. */
async function endEndpoint(market: Market, endpoint: Endpoint, options: DestroyOptions): Promise<number[]> {
  if (!options.yes) await ask(market, endpoint, options);
  const tell = (line: string) => (options.isJson ? undefined : printLines([line]));
  const instanceIds = await endWorkers(market, endpoint, tell);
  for (const { workergroupId } of await groupsOf(market, endpoint)) {
    await send(market, 'workergroups', workergroupRequests.delete(workergroupId));
    tell(`workergroup ${workergroupId}: deleted`);
  }
  await send(market, 'endpoints', endpointRequests.delete(endpoint.endpointId));
  tell(`endpoint ${endpoint.name}: deleted`);
  return instanceIds;
}

async function ask(market: Market, endpoint: Endpoint, { confirm }: DestroyOptions): Promise<void> {
  const workers = await market.serverless.listWorkers(endpoint.endpointId);
  const question = `Delete the endpoint ${endpoint.name} at ${market.apiUrl} and end ${plural(workers.length, 'worker')}?`;
  if (!(await confirm(question)))
    throw new CommandError(EXIT.usage, 'Nothing was changed. --yes goes on without asking.');
}

async function endWorkers(
  market: Market,
  endpoint: Endpoint,
  tell: (line: string) => void,
): Promise<number[]> {
  await send(market, 'endpoints', endpointRequests.stop(endpoint.endpointId));
  tell(`endpoint ${endpoint.name}: stopped`);
  const ended = new Set<number>();
  const untilMs = Date.now() + PATIENCE_MS;
  for (let absences = 0; absences < 2; ) {
    const left = await rentedWorkers(market, endpoint, ended);
    absences = left.length === 0 ? absences + 1 : 0;
    if (absences === 2 || (absences === 1 && ended.size === 0)) break;
    if (Date.now() > untilMs) throw stillThere(left);
    const news = left.filter((id) => !ended.has(id));
    if (news.length > 0) tell(`ending ${plural(news.length, 'worker')}: ${news.join(', ')}`);
    for (const id of news) ended.add(id);
    if (left.length > 0) await market.instances.destroyInstances(left);
    await pause(GAP_MS);
  }
  if (ended.size > 0) tell(`${plural(ended.size, 'worker')}: gone`);
  return [...ended];
}

/** Those that the engine lists or that were ended here, as far as the account has instances of them. */
async function rentedWorkers(
  { serverless, instances }: Market,
  { endpointId }: Endpoint,
  ended: ReadonlySet<number>,
): Promise<number[]> {
  const workers = await serverless.listWorkers(endpointId);
  const rented = new Set((await instances.listInstances()).map(({ instanceId }) => instanceId));
  return [...new Set([...workers.map(({ workerId }) => workerId), ...ended])].filter((id) => rented.has(id));
}

function stillThere(instanceIds: readonly number[]): CommandError {
  const ids = instanceIds.join(' ');
  return new CommandError(
    EXIT.failed,
    `Instances ${ids} are still listed after ${PATIENCE_MS / 1_000} s, and may bill: \`vastai destroy instances ${ids} -y\`. The endpoint is stopped; run this again to delete it.`,
  );
}

async function deleteTemplate(market: Market, { template: name, isJson }: DestroyOptions): Promise<void> {
  const template = name === undefined ? null : await findTemplate(market, name);
  if (template === null) return;
  await send(market, 'templates', templateRequests.delete(template));
  if (!isJson) printLines([`template ${template.name}: deleted`]);
}

/** What is gone already is as it should be. */
async function send({ serverless }: Market, thing: ServerlessThing, request: VastRequest): Promise<void> {
  try {
    await serverless.send(thing, request);
  } catch (error) {
    const isGone = error instanceof MarketError && error.kind === 'refused' && error.status === 404;
    if (!isGone) throw error;
  }
}

import type { Endpoint, Template, Workergroup } from '../../vast/serverless.ts';
import { CommandError, EXIT } from '../exit-code.ts';
import type { Found } from './deploy-plan.ts';
import type { Deployment } from './deployment.ts';
import type { Market } from './market.ts';

/** What the account has under a deployment's names. Throws where a name does not tell which one is meant. */
export async function findDeployed(market: Market, { template, endpoint }: Deployment): Promise<Found> {
  const ownTemplate = await findTemplate(market, template.name);
  const found = await findEndpoint(market, endpoint.name);
  const groups = found === null ? [] : await groupsOf(market, found);
  return {
    template: ownTemplate,
    endpoint: found,
    workergroup: theGroup(groups, ownTemplate, endpoint.name),
  };
}

/** The account's own: other people's public templates may have the same name. */
export async function findTemplate(
  { serverless, instances }: Market,
  name: string,
): Promise<Template | null> {
  const { accountId } = await instances.currentUser();
  const own = (await serverless.findTemplates(name)).filter(
    ({ creatorId }) => String(creatorId) === String(accountId),
  );
  return theOnly(own, ({ templateId }) => templateId, {
    what: `templates named ${name}`,
    remedy: '`vastai delete template --template-id ID` removes one',
  });
}

export async function findEndpoint({ serverless }: Market, name: string): Promise<Endpoint | null> {
  const named = (await serverless.listEndpoints()).filter((endpoint) => endpoint.name === name);
  return theOnly(named, ({ endpointId }) => endpointId, {
    what: `endpoints named ${name}`,
    remedy: '`vastai delete endpoint ID` removes one, and its workers',
  });
}

export async function groupsOf({ serverless }: Market, { endpointId }: Endpoint): Promise<Workergroup[]> {
  return (await serverless.listWorkergroups()).filter((group) => group.endpointId === endpointId);
}

/** The one that runs our template, where an endpoint has several. */
function theGroup(
  groups: readonly Workergroup[],
  template: Template | null,
  endpointName: string,
): Workergroup | null {
  const ours = groups.length > 1 ? groups.filter((group) => group.templateHash === template?.hash) : groups;
  if (groups.length > 1 && ours.length === 0)
    throw new CommandError(
      EXIT.refused,
      `The endpoint ${endpointName} has ${groups.length} workergroups and none runs this template: use another endpoint.name, or remove them.`,
    );
  return theOnly(ours, ({ workergroupId }) => workergroupId, {
    what: `workergroups of ${endpointName} that run this template`,
    remedy: '`vastai delete workergroup ID` removes one; destroy its instances too',
  });
}

function theOnly<Thing>(
  things: readonly Thing[],
  idOf: (thing: Thing) => number,
  { what, remedy }: { what: string; remedy: string },
): Thing | null {
  if (things.length < 2) return things[0] ?? null;
  throw new CommandError(
    EXIT.refused,
    `There are ${things.length} ${what} (${things.map(idOf).join(', ')}), and only you know which is meant: ${remedy}.`,
  );
}

import {
  type Endpoint,
  endpointRequests,
  type ServerlessThing,
  searchesFor,
  type Template,
  templateRequests,
  type VastRequest,
  type Workergroup,
  workergroupRequests,
} from '../../vast/serverless.ts';
import type { Deployment } from './deployment.ts';

/** What is there already; null where nothing is. */
export type Found = {
  readonly template: Template | null;
  readonly endpoint: Endpoint | null;
  readonly workergroup: Workergroup | null;
};

export type Change = { readonly field: string; readonly from: string; readonly to: string };

/** One of the three things, and what it takes to bring it about. */
export type Step = {
  readonly thing: ServerlessThing;
  /** Whom the step is about, for people. */
  readonly subject: string;
  readonly action: 'create' | 'update' | 'keep';
  readonly changes: readonly Change[];
  /** Null where nothing is to be done. */
  readonly request: VastRequest | null;
};

/** Stands in a plan for what only an earlier step will tell. */
export const NOT_YET = { endpointId: '(the new endpoint’s id)', templateHash: '(the new hash)' } as const;

export function planTemplate({ template: spec }: Deployment, { template: found }: Found): Step {
  const step = { thing: 'templates', subject: `template ${spec.name}` } as const;
  if (found === null)
    return { ...step, action: 'create', changes: [], request: templateRequests.create(spec) };
  const changes = changesBetween(found, spec);
  return changes.length === 0
    ? { ...step, action: 'keep', changes, request: null }
    : { ...step, action: 'update', changes, request: templateRequests.update(found, spec) };
}

export function planEndpoint({ endpoint: spec }: Deployment, { endpoint: found }: Found): Step {
  const step = { thing: 'endpoints', subject: `endpoint ${spec.name}` } as const;
  if (found === null)
    return { ...step, action: 'create', changes: [], request: endpointRequests.create(spec) };
  // What is null is left as it is.
  const said = Object.entries(spec).filter(([, value]) => value !== null);
  const changes = changesBetween(found, { ...Object.fromEntries(said), state: 'active' });
  return changes.length === 0
    ? { ...step, action: 'keep', changes, request: null }
    : { ...step, action: 'update', changes, request: endpointRequests.update(found.endpointId, spec) };
}

/** `isNewTemplate`: the template is about to get a hash that is not known yet. */
export function planWorkergroup(
  { workergroup: spec, endpoint: { name } }: Deployment,
  { template, endpoint, workergroup: found }: Found,
  isNewTemplate: boolean,
): Step {
  const step = { thing: 'workergroups', subject: `workergroup of ${name}` } as const;
  const place = {
    endpointId: endpoint?.endpointId ?? NOT_YET.endpointId,
    templateHash: isNewTemplate || template === null ? NOT_YET.templateHash : template.hash,
  };
  if (found === null)
    return { ...step, action: 'create', changes: [], request: workergroupRequests.create(place, spec) };
  const changes: Change[] = changesBetween(
    { templateHash: found.templateHash, gpuRamGb: found.gpuRamGb },
    { templateHash: place.templateHash, gpuRamGb: spec.gpuRamGb ?? found.gpuRamGb },
  );
  if (!searchesFor(found, spec))
    changes.push({ field: 'search', from: JSON.stringify(found.conditions), to: spec.search });
  return changes.length === 0
    ? { ...step, action: 'keep', changes, request: null }
    : {
        ...step,
        action: 'update',
        changes,
        request: workergroupRequests.update(found.workergroupId, place, spec),
      };
}

/** Field by field of what is wanted. */
function changesBetween(found: object, wanted: object): Change[] {
  return Object.entries(wanted).flatMap(([field, to]) => {
    const from: unknown = Reflect.get(found, field);
    return from === to ? [] : [{ field, from: String(from), to: String(to) }];
  });
}

/** The calls as they would be sent, and nothing that opens anything: values that look like secrets are left out. */
export function callText({ method, path, body }: VastRequest): string {
  const text = JSON.stringify(body, null, 2) ?? '';
  return `${method} ${path}\n${withoutSecrets(text)}`;
}

/** `NAME=value` for names that say they are secret, in docker's flags. */
export function withoutSecrets(text: string): string {
  return text.replace(
    /(-e \w*(?:KEY|TOKEN|SECRET|PASSWORD)\w*=)(\\"[^"]*\\"|"[^"]*"|'[^']*'|[^\s"]+)/gi,
    '$1[redacted]',
  );
}

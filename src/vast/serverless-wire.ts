import { z } from 'zod';
import { isSameSearch, type OfferConditions, readConditions, withUsualConditions } from './search-params.ts';
import type { VastRequest } from './transport.ts';
import { id, knownText, number, text } from './wire-values.ts';

/** What a worker's instance runs. `env` holds docker's flags in one line, as the API keeps them. */
export type TemplateSpec = {
  readonly name: string;
  readonly image: string;
  readonly env: string;
  readonly onstart: string;
  readonly runtype: 'ssh' | 'args';
  readonly diskGb: number;
  readonly description: string;
};

/** Loads are in the worker's own unit, times in seconds. What is null is left to Vast.ai. */
export type EndpointSpec = {
  readonly name: string;
  readonly minLoad: number;
  readonly minColdLoad: number;
  readonly targetUtil: number;
  readonly coldMult: number;
  readonly coldWorkers: number;
  readonly maxWorkers: number;
  readonly maxQueueTime: number | null;
  readonly targetQueueTime: number | null;
  readonly inactivityTimeout: number | null;
};

/** `search` as for `vastai search offers`; `gpuRamGb` is what the model needs in all. */
export type WorkergroupSpec = { readonly search: string; readonly gpuRamGb: number | null };

export type Template = TemplateSpec & {
  readonly templateId: number;
  readonly hash: string;
  readonly creatorId: number | null;
};
export type Endpoint = EndpointSpec & { readonly endpointId: number; readonly state: string };
export type Workergroup = {
  readonly workergroupId: number;
  readonly endpointId: number | null;
  readonly templateHash: string | null;
  readonly gpuRamGb: number | null;
  /** Null where Vast.ai does not show it in a form we can read. */
  readonly conditions: OfferConditions | null;
};

export type ServerlessWorker = {
  readonly workerId: number;
  readonly state: string;
  readonly gpuName: string | null;
  readonly loadsPerSecond: number | null;
  readonly load: number | null;
  readonly requests: number | null;
  readonly error: string | null;
};

/** The requests that make, change and delete; each is a value, so that it can be shown before it is sent. */
export const templateRequests = {
  create: (spec: TemplateSpec): VastRequest => ({
    method: 'POST',
    path: '/api/v0/template/',
    body: templateBody(spec),
    tried: `create the template ${spec.name}`,
  }),
  update: ({ templateId, hash }: Pick<Template, 'templateId' | 'hash'>, spec: TemplateSpec): VastRequest => ({
    method: 'PUT',
    path: '/api/v1/template/',
    body: { id: templateId, hash_id: hash, ...templateBody(spec) },
    tried: `change the template ${spec.name}`,
  }),
  delete: ({ templateId }: Pick<Template, 'templateId'>): VastRequest => ({
    method: 'DELETE',
    path: '/api/v0/template/',
    body: { template_id: templateId },
    tried: `delete template ${templateId}`,
  }),
};

export const endpointRequests = {
  create: (spec: EndpointSpec): VastRequest => ({
    method: 'POST',
    path: '/api/v0/endptjobs/',
    body: { client_id: 'me', ...endpointBody(spec), autoscaler_instance: 'prod' },
    tried: `create the endpoint ${spec.name}`,
  }),
  update: (endpointId: number, spec: EndpointSpec): VastRequest => ({
    ...changeOf(endpointId),
    body: {
      client_id: 'me',
      endptjob_id: endpointId,
      ...endpointBody(spec),
      endpoint_state: 'active',
      autoscaler_instance: 'prod',
    },
  }),
  stop: (endpointId: number): VastRequest => ({
    ...changeOf(endpointId),
    body: { client_id: 'me', endptjob_id: endpointId, endpoint_state: 'stopped' },
  }),
  delete: (endpointId: number): VastRequest => ({
    method: 'DELETE',
    path: `/api/v0/endptjobs/${endpointId}/`,
    body: { client_id: 'me', endptjob_id: endpointId },
    tried: `delete endpoint ${endpointId}`,
  }),
};

function changeOf(endpointId: number): Omit<VastRequest, 'body'> {
  return { method: 'PUT', path: `/api/v0/endptjobs/${endpointId}/`, tried: `change endpoint ${endpointId}` };
}

/** What a workergroup belongs to; texts where the plan runs ahead of what is made. */
export type GroupPlace = { readonly endpointId: number | string; readonly templateHash: string };

export const workergroupRequests = {
  create: (place: GroupPlace, spec: WorkergroupSpec): VastRequest => ({
    method: 'POST',
    path: '/api/v0/workergroups/',
    body: { client_id: 'me', ...groupBody(place, spec), autoscaler_instance: 'prod' },
    tried: 'create the workergroup',
  }),
  update: (workergroupId: number, place: GroupPlace, spec: WorkergroupSpec): VastRequest => ({
    method: 'PUT',
    path: `/api/v0/workergroups/${workergroupId}/`,
    body: { client_id: 'me', autojob_id: workergroupId, ...groupBody(place, spec) },
    tried: `change workergroup ${workergroupId}`,
  }),
  delete: (workergroupId: number): VastRequest => ({
    method: 'DELETE',
    path: `/api/v0/workergroups/${workergroupId}/`,
    body: { client_id: 'me', autojob_id: workergroupId },
    tried: `delete workergroup ${workergroupId}`,
  }),
};

/** Whether a workergroup searches for what `spec` says. */
export function searchesFor({ conditions }: Workergroup, { search }: WorkergroupSpec): boolean {
  const wanted = readConditions(withUsualConditions(search));
  return conditions !== null && wanted !== null && isSameSearch(conditions, wanted);
}

function templateBody(spec: TemplateSpec) {
  const { image, tag } = splitImage(spec.image);
  const isSsh = spec.runtype === 'ssh';
  return {
    name: spec.name,
    image,
    tag,
    env: spec.env,
    onstart: spec.onstart,
    runtype: spec.runtype,
    use_ssh: isSsh,
    ssh_direct: isSsh,
    jup_direct: false,
    use_jupyter_lab: false,
    recommended_disk_space: spec.diskGb,
    extra_filters: {},
    desc: spec.description,
    readme_visible: false,
    // Its environment may name what is nobody else's business.
    private: true,
  };
}

/** A digest stays with the image: the tag is a name, and a digest is none. */
function splitImage(whole: string): { image: string; tag: string | null } {
  const [, image, tag] = /^([^@]+):([\w][\w.-]{0,127})$/.exec(whole) ?? [];
  return image === undefined || tag === undefined ? { image: whole, tag: null } : { image, tag };
}

function endpointBody(spec: EndpointSpec) {
  const { maxQueueTime, targetQueueTime, inactivityTimeout } = spec;
  return {
    endpoint_name: spec.name,
    min_load: spec.minLoad,
    min_cold_load: spec.minColdLoad,
    target_util: spec.targetUtil,
    cold_mult: spec.coldMult,
    cold_workers: spec.coldWorkers,
    max_workers: spec.maxWorkers,
    // Nulls have provoked server errors elsewhere in this API: what is not said is left out.
    ...(maxQueueTime === null ? {} : { max_queue_time: maxQueueTime }),
    ...(targetQueueTime === null ? {} : { target_queue_time: targetQueueTime }),
    ...(inactivityTimeout === null ? {} : { inactivity_timeout: inactivityTimeout }),
  };
}

function groupBody({ endpointId, templateHash }: GroupPlace, { search, gpuRamGb }: WorkergroupSpec) {
  return {
    endpoint_id: endpointId,
    template_hash: templateHash,
    search_params: withUsualConditions(search),
    ...(gpuRamGb === null ? {} : { gpu_ram: gpuRamGb }),
  };
}

const TemplateRow = z.object({
  id,
  hash_id: knownText,
  creator_id: number,
  name: knownText,
  image: text,
  tag: text,
  env: text,
  onstart: text,
  runtype: text,
  recommended_disk_space: number,
  desc: text,
});

/** Null for a row that does not say which template it is. */
export function toTemplate(row: unknown): Template | null {
  const parsed = TemplateRow.safeParse(row);
  if (!parsed.success) return null;
  const wire = parsed.data;
  return {
    templateId: wire.id,
    hash: wire.hash_id,
    creatorId: wire.creator_id,
    name: wire.name,
    image: [wire.image ?? '', ...(wire.tag ? [wire.tag] : [])].join(':'),
    env: wire.env ?? '',
    onstart: wire.onstart ?? '',
    runtype: wire.runtype === 'args' ? 'args' : 'ssh',
    diskGb: wire.recommended_disk_space ?? 0,
    description: wire.desc ?? '',
  };
}

const EndpointRow = z.object({
  id,
  endpoint_name: knownText,
  endpoint_state: text,
  min_load: number,
  min_cold_load: number,
  target_util: number,
  cold_mult: number,
  cold_workers: number,
  max_workers: number,
  max_queue_time: number,
  target_queue_time: number,
  inactivity_timeout: number,
});

/** Null for a row that does not say which endpoint it is. Its `api_key` does not get in. */
export function toEndpoint(row: unknown): Endpoint | null {
  const parsed = EndpointRow.safeParse(row);
  if (!parsed.success) return null;
  const wire = parsed.data;
  return {
    endpointId: wire.id,
    name: wire.endpoint_name,
    state: wire.endpoint_state ?? 'active',
    minLoad: wire.min_load ?? 0,
    minColdLoad: wire.min_cold_load ?? 0,
    targetUtil: wire.target_util ?? 0,
    coldMult: wire.cold_mult ?? 0,
    coldWorkers: wire.cold_workers ?? 0,
    maxWorkers: wire.max_workers ?? 0,
    maxQueueTime: wire.max_queue_time,
    targetQueueTime: wire.target_queue_time,
    inactivityTimeout: wire.inactivity_timeout,
  };
}

const Conditions = z.record(z.string(), z.record(z.string(), z.unknown()));

const WorkergroupRow = z.object({
  id,
  endpoint_id: number,
  template_hash: text,
  gpu_ram: number,
  search_query: z.preprocess(parseText, Conditions).optional().catch(undefined),
});

/** Null for a row that does not say which workergroup it is. */
export function toWorkergroup(row: unknown): Workergroup | null {
  const parsed = WorkergroupRow.safeParse(row);
  if (!parsed.success) return null;
  const wire = parsed.data;
  return {
    workergroupId: wire.id,
    endpointId: wire.endpoint_id,
    templateHash: wire.template_hash,
    gpuRamGb: wire.gpu_ram,
    conditions: wire.search_query ?? null,
  };
}

const WorkerRow = z.object({
  id,
  status: text,
  gpu_name: text,
  measured_perf: number,
  cur_load: number,
  reqs_working: number,
  error_msg: text,
});

export function toWorker(row: unknown): ServerlessWorker | null {
  const parsed = WorkerRow.safeParse(row);
  if (!parsed.success) return null;
  const wire = parsed.data;
  return {
    workerId: wire.id,
    state: wire.status ?? 'unknown',
    gpuName: wire.gpu_name,
    loadsPerSecond: wire.measured_perf,
    load: wire.cur_load,
    requests: wire.reqs_working,
    error: wire.error_msg,
  };
}

function parseText(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

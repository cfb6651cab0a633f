import type { Simulator } from '../../../src/simulator/simulator.ts';
import { aRenter, control, type Json } from '../renter.ts';

/** An endpoint with one workergroup that rents nobody: its workers are those that a test plays itself. */
export async function anEndpoint(market: Simulator, settings: Record<string, unknown> = {}) {
  const renter = aRenter(market.url, market.key);
  const template = await renter.call('POST', '/api/v0/template/', { name: 'played', image: 'worker:1' });
  const name = String(settings.endpoint_name ?? 'played');
  const made = await renter.call('POST', '/api/v0/endptjobs/', {
    endpoint_name: name,
    cold_workers: 0,
    max_workers: 0,
    ...settings,
  });
  const group = await renter.call('POST', '/api/v0/workergroups/', {
    endpoint_id: made.json.result,
    template_hash: template.json.template.hash_id,
    search_params: '',
  });
  const shown = await renter.call('GET', `/api/v0/endptjobs/${made.json.result}/`);
  const key: string = shown.json.result.api_key;
  const groupId: number = group.json.id;
  return {
    id: made.json.result as number,
    name,
    key,
    groupId,
    template: template.json.template as Json,
    route: async (order: Record<string, unknown> = {}): Promise<Json> =>
      (
        await aRenter(market.url, key).call('POST', '/route/', {
          endpoint: name,
          api_key: key,
          cost: 100,
          ...order,
        })
      ).json,
    worker: () => aPlayedWorker(market, groupId),
  };
}

/** A worker that says what a test tells it to say. */
export async function aPlayedWorker(market: Simulator, groupId: number) {
  const { json } = await control(market, 'POST', 'serverless/workers', { workergroup_id: groupId });
  const { CONTAINER_ID, MASTER_TOKEN } = json.environment;
  const id = Number(CONTAINER_ID);
  const engine = aRenter(market.url, null);
  const url = `http://127.0.0.1:${20_000 + (id % 1_000)}`;
  return {
    id,
    url,
    report: (fields: Record<string, unknown> = {}) =>
      engine.call('POST', '/worker_status/', { ...A_READY_REPORT, id, mtoken: MASTER_TOKEN, url, ...fields }),
    retire: (...idxs: readonly number[]) =>
      engine.call('POST', '/delete_requests/', {
        worker_id: id,
        mtoken: MASTER_TOKEN,
        requests: idxs.map((request_idx) => ({ request_idx, success: true, status: 'Success' })),
      }),
  };
}

const A_READY_REPORT = {
  version: '1.1.0',
  loadtime: 3.5,
  cur_load: 0,
  new_load: 0,
  rej_load: 0,
  cur_perf: 0,
  max_perf: 1000,
  cur_capacity: 0,
  max_capacity: 0,
  error_msg: '',
  num_requests_working: 0,
  num_requests_recieved: 0,
  additional_disk_usage: 0,
  disk_usage: 14.2,
  working_request_idxs: [],
};

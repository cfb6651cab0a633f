import type { CreateOrder, OfferSearch, VastClientOptions } from '../../src/vast/client.ts';
import { createVastClient, type VastClient } from '../../src/vast/client.ts';

export const KEY = 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00';

/** A client without pacing, so that a test waits only for what it is about; closed with the test. */
export function aClient(
  url: string,
  options: Partial<VastClientOptions> = {},
): VastClient & { [Symbol.asyncDispose](): Promise<void> } {
  const client = createVastClient({ apiUrl: url, apiKey: KEY, rateScale: 0, timeoutMs: 5_000, ...options });
  return { ...client, [Symbol.asyncDispose]: () => client.close() };
}

export function anOrder(order: Partial<CreateOrder> = {}): CreateOrder {
  return {
    image: 'vllm/vllm-openai:v0.11.0',
    diskGb: 40,
    label: 'leash.abcdefghij.default.klmnopqrst.1.x1800000000',
    environment: {
      LEASH_LABEL: 'leash.abcdefghij.default.klmnopqrst.1.x1800000000',
      HF_TOKEN: 'hf_verysecret',
    },
    ports: [8000],
    onstart: 'vllm serve',
    ...order,
  };
}

export function aSearch(search: Partial<OfferSearch> = {}): OfferSearch {
  return { gpuCount: 1, diskGb: 40, type: 'on-demand', verifiedOnly: true, datacenterOnly: false, ...search };
}

/** An offer as Vast sends it. */
export function aWireOffer(row: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: 7001,
    ask_contract_id: 7001,
    machine_id: 31,
    host_id: 9,
    hosting_type: 1,
    verification: 'verified',
    rentable: true,
    rented: false,
    external: 0,
    is_bid: false,
    gpu_name: 'RTX 4090',
    num_gpus: 1,
    gpu_ram: 24564,
    dph_base: 0.4,
    dph_total: 0.408,
    min_bid: 0.2,
    storage_cost: 0.15,
    storage_total_cost: 0.008,
    inet_down_cost: 0.002,
    inet_up_cost: 0.003,
    inet_down: 812.5,
    inet_up: 400,
    reliability2: 0.9951,
    geolocation: 'California, US',
    disk_space: 512,
    disk_bw: 2100,
    direct_port_count: 50,
    cuda_max_good: 12.8,
    compute_cap: 890,
    driver_version: '570.86.15',
    driver_vers: 570086015,
    cpu_arch: 'amd64',
    duration: 86_400,
    ...row,
  };
}

/** A running instance as Vast sends it, secrets included. */
export function aWireInstance(row: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: 501,
    label: 'leash.abcdefghij.default.klmnopqrst.1.x1800000000',
    extra_env: [
      ['LEASH_LABEL', 'leash.abcdefghij.default.klmnopqrst.1.x1800000000'],
      ['HF_TOKEN', 'hf_verysecret'],
      ['-p 8000:8000', '1'],
    ],
    onstart: 'export VLLM_API_KEY=sk-verysecret; vllm serve',
    jupyter_token: 'jupyter-verysecret',
    instance_api_key: 'instance-verysecret',
    machine_id: 31,
    gpu_name: 'RTX 4090',
    num_gpus: 1,
    gpu_ram: 24564,
    actual_status: 'running',
    intended_status: 'running',
    cur_state: 'running',
    next_state: 'running',
    status_msg: 'success, running vllm/vllm-openai_v0.11.0/ssh',
    public_ipaddr: '203.0.113.7\n',
    ports: {
      '8000/tcp': [
        { HostIp: '::', HostPort: '37709' },
        { HostIp: '0.0.0.0', HostPort: '37708' },
      ],
    },
    start_date: 1_790_000_000.25,
    end_date: 1_790_600_000,
    uptime_mins: 12.5,
    dph_base: 0.4,
    dph_total: 0.408,
    storage_cost: 0.15,
    storage_total_cost: 0.008,
    inet_down_cost: 0.002,
    inet_up_cost: 0.003,
    inet_down_billed: 9_000,
    inet_up_billed: null,
    is_bid: false,
    disk_space: 40,
    gpu_util: 96.5,
    gpu_temp: 71,
    ...row,
  };
}

/** One page of the instance list. */
export function aPage(
  rows: unknown[],
  page: Record<string, unknown> = {},
): { json: Record<string, unknown> } {
  return {
    json: {
      success: true,
      instances_found: rows.length,
      total_instances: rows.length,
      next_token: null,
      instances: rows,
      ...page,
    },
  };
}

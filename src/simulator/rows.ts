import { diskUsdPerHour } from './books.ts';
import { publicAddress } from './containers.ts';
import { type Contract, hasFault } from './contract.ts';
import { type Machine, rounded } from './machine.ts';
import type { Market, Slice } from './market.ts';
import { hash } from './random.ts';

export type Row = Record<string, unknown>;

export type OfferView = {
  readonly market: Market;
  readonly host: string;
  readonly now: number;
  readonly isBid: boolean;
  /** Storage priced into `dph_total`. */
  readonly storageGb: number;
};

/** An offer as a search shows it. Money is $/h unless the name says otherwise, memory MB, traffic Mbps. */
export function offerRow(slice: Slice, machine: Machine, view: OfferView): Row {
  const { market, isBid } = view;
  const minBid = market.minBid(slice);
  const dphBase = isBid ? minBid : rounded(slice.usdPerGpuHour * slice.gpuCount, 6);
  const storage = (view.storageGb * machine.storageUsdPerGbMonth) / 720;
  const isFree = market.isFree(slice);
  const hardware = hardwareFields(machine, slice.gpuCount, slice.firstGpu);
  return {
    id: slice.offerId,
    ask_contract_id: slice.offerId,
    bundle_id: hash(`bundle/${slice.key}`) % 100_000_000,
    bundled_results: null,
    ...hardware,
    ...listingFields(machine, market, view.now),
    public_ipaddr: addressOf(machine, view.host),
    is_bid: isBid,
    rentable: isFree,
    rented: !isFree,
    external: false,
    disk_space: machine.diskGb,
    min_bid: minBid,
    ...priceFields({ dphBase, storage, machine, tflops: hardware.total_flops, dlperf: hardware.dlperf }),
    direct_port_count: machine.directPortCount,
  };
}

/** An instance as lists and reads show it. */
export function instanceRow(contract: Contract, view: { market: Market; host: string; now: number }): Row {
  const { market, now } = view;
  const machine = market.getMachine(contract.machineId);
  const slice = market.slices.get(contract.sliceKey);
  const storage = diskUsdPerHour(contract, machine);
  const { order } = contract;
  const hardware = hardwareFields(machine, contract.gpuCount, slice?.firstGpu ?? 0);
  const isRunning = contract.actual === 'running';
  const hostPorts = contract.ports.map(({ hostPort }) => hostPort);
  const prices = priceFields({
    dphBase: rounded(contract.gpuUsdPerHour, 6),
    storage,
    machine,
    tflops: hardware.total_flops,
    dlperf: hardware.dlperf,
  });
  return {
    id: contract.id,
    ...hardware,
    ...listingFields(machine, market, now),
    ...prices,
    gpu_totalram: hardware.gpu_total_ram,
    actual_status: contract.actual,
    intended_status: contract.intended,
    cur_state: contract.current,
    next_state: contract.next,
    status_msg: contract.statusMessage,
    label: contract.label,
    image_uuid: order.image,
    image_args: order.args,
    image_runtype: order.runtype,
    extra_env: order.env,
    onstart: order.onstart,
    template_id: null,
    template_hash_id: order.templateHash,
    template_name: null,
    jupyter_token: hash(`jupyter/${contract.key}`).toString(16),
    public_ipaddr: addressOf(machine, view.host),
    local_ipaddrs: '192.168.1.20 172.17.0.1 \n',
    ssh_host: `ssh${(contract.id % 9) + 1}.vast.ai`,
    ssh_idx: String((contract.id % 9) + 1),
    ssh_port: 10_000 + (contract.id % 50_000),
    machine_dir_ssh_port: 40_000 + (contract.id % 20_000),
    ports: isRunning ? portMap(contract) : null,
    direct_port_count: isRunning ? hostPorts.length : -1,
    direct_port_start: isRunning && hostPorts.length > 0 ? Math.min(...hostPorts) : -1,
    direct_port_end: isRunning && hostPorts.length > 0 ? Math.max(...hostPorts) : -1,
    start_date: contract.createdAt,
    end_date: contract.endDate,
    duration: contract.endDate - now,
    uptime_mins: isRunning && contract.startedAt !== null ? (now - contract.startedAt) / 60 : null,
    is_bid: contract.bid !== null,
    rentable: false,
    rented: true,
    external: false,
    min_bid: slice === undefined ? null : market.minBid(slice),
    disk_space: order.diskGb,
    disk_usage: contract.hasImage ? rounded(order.diskGb * 0.4, 2) : -1,
    disk_util: contract.hasImage ? 40 : -1,
    cpu_util: isRunning ? 3.1 : null,
    gpu_util: isRunning ? 0 : null,
    gpu_temp: isRunning ? 41 : null,
    mem_limit: isRunning
      ? rounded((machine.cpuRamMb * contract.gpuCount) / machine.gpuCount / 1000, 2)
      : null,
    mem_usage: isRunning ? 2.4 : null,
    vmem_usage: isRunning ? 6.8 : null,
    inet_up_billed: rounded(contract.meter.upBytes / 1e6, 3),
    inet_down_billed: rounded(contract.meter.downBytes / 1e6, 3),
    credit_balance: null,
    credit_discount: null,
    client_run_time: 1,
    host_run_time: 259_200,
    country_code: machine.country,
  };
}

/** Docker's shape; empty where the host had no port to give. */
function portMap(contract: Contract): Record<string, { HostIp: string; HostPort: string }[]> {
  return Object.fromEntries(
    contract.ports
      .filter(({ containerPort }) => containerPort === 22 || !hasFault(contract, 'port-missing'))
      .map(({ containerPort, protocol, hostPort }) => {
        const inside = containerPort >= 70_000 ? hostPort : containerPort;
        const HostPort = String(hostPort);
        return [
          `${inside}/${protocol}`,
          [
            { HostIp: '0.0.0.0', HostPort },
            { HostIp: '::', HostPort },
          ],
        ];
      }),
  );
}

function addressOf(machine: Machine, host: string): string {
  return machine.hasPaddedAddress ? `${publicAddress(host)} ` : publicAddress(host);
}

/** The market's score of a machine's GPUs for deep learning. */
export function dlperfOf({ gpu }: Machine, gpuCount: number): number {
  return rounded(gpu.tflops * gpuCount * 1.1 + gpu.memoryGbps * gpuCount * 0.02, 4);
}

function hardwareFields(machine: Machine, gpuCount: number, firstGpu: number) {
  const { gpu, cpu } = machine;
  const share = gpuCount / machine.gpuCount;
  return {
    machine_id: machine.id,
    host_id: machine.hostId,
    hosting_type: machine.isDatacenter ? 1 : 0,
    hostname: null,
    cluster_id: null,
    resource_type: 'gpu',
    num_gpus: gpuCount,
    gpu_name: gpu.name,
    gpu_ram: gpu.ramMib,
    gpu_total_ram: gpu.ramMib * gpuCount,
    gpu_frac: rounded(share, 4),
    gpu_arch: 'nvidia',
    gpu_ids: Array.from({ length: gpuCount }, (_, index) => machine.id * 10 + firstGpu + index),
    gpu_lanes: 16,
    pci_gen: gpu.computeCap >= 890 ? 4 : 3,
    pcie_bw: gpu.computeCap >= 890 ? 24.6 : 12.1,
    gpu_mem_bw: gpu.memoryGbps,
    bw_nvlink: gpu.nvlinkGbps,
    gpu_max_power: gpu.maxWatts,
    gpu_max_temp: 90,
    gpu_display_active: false,
    compute_cap: gpu.computeCap,
    cuda_max_good: machine.cudaMax,
    driver_version: machine.driver,
    driver_vers: driverNumber(machine.driver),
    total_flops: rounded(gpu.tflops * gpuCount, 3),
    dlperf: dlperfOf(machine, gpuCount),
    cpu_name: cpu.name,
    cpu_arch: 'amd64',
    cpu_ghz: cpu.ghz,
    has_avx: 1,
    mobo_name: 'ROMED8-2T',
    cpu_cores: cpu.cores,
    cpu_cores_effective: rounded(cpu.cores * share, 3),
    cpu_ram: machine.cpuRamMb,
    disk_bw: machine.diskMbPerSecond,
    disk_name: 'nvme',
    inet_up: machine.uploadMbps,
    inet_down: machine.downloadMbps,
    inet_up_cost: machine.uploadUsdPerGb,
    inet_down_cost: machine.downloadUsdPerGb,
    internet_up_cost_per_tb: rounded(machine.uploadUsdPerGb * 1000, 4),
    internet_down_cost_per_tb: rounded(machine.downloadUsdPerGb * 1000, 4),
    os_version: '22.04',
  };
}

function listingFields(machine: Machine, market: Market, now: number) {
  const endDate = market.endDate(machine);
  const { reliability } = machine;
  return {
    verification: machine.isVerified ? 'verified' : 'unverified',
    vericode: machine.isVerified ? 1 : 0,
    static_ip: machine.hasStaticIp,
    vms_enabled: false,
    is_vm_deverified: false,
    geolocation: machine.region,
    geolocode: hash(machine.region) % 1_000_000_000,
    start_date: market.openedAt - 86_400 * (machine.id % 90),
    end_date: endDate,
    duration: endDate - now,
    time_remaining: '',
    time_remaining_isbid: '',
    logo: '/static/logos/vastai_small2.png',
    webpage: null,
    rn: 1,
    avail_vol_ask_id: null,
    avail_vol_dph: null,
    avail_vol_size: null,
    nw_disk_min_bw: null,
    nw_disk_max_bw: null,
    nw_disk_avg_bw: null,
    reliability,
    reliability2: reliability,
    reliability_mult: rounded(reliability ** 2, 6),
    expected_reliability: rounded(reliability * 0.999, 6),
    platform_fee: 0,
  };
}

function priceFields(price: {
  dphBase: number;
  storage: number;
  machine: Machine;
  tflops: number;
  dlperf: number;
}): Row {
  const { dphBase, storage, machine } = price;
  const total = rounded(dphBase + storage, 6);
  const hours = (gpu: number) => ({
    gpuCostPerHour: gpu,
    diskHour: rounded(storage, 6),
    totalHour: rounded(gpu + storage, 6),
    discountTotalHour: 0,
    discountedTotalPerHour: rounded(gpu + storage, 6),
  });
  return {
    dph_base: dphBase,
    dph_total: total,
    dph_total_adj: total,
    storage_cost: machine.storageUsdPerGbMonth,
    storage_total_cost: rounded(storage, 6),
    vram_costperhour: dphBase / (machine.gpu.ramMib * machine.gpuCount),
    discount_rate: 0,
    discounted_hourly: 0,
    discounted_dph_total: total,
    credit_discount_max: 0.3,
    dlperf_per_dphtotal: rounded(price.dlperf / total, 4),
    flops_per_dphtotal: rounded(price.tflops / total, 4),
    score: rounded((price.dlperf / total) * machine.reliability, 6),
    search: hours(dphBase),
    instance: hours(0),
  };
}

/** `570.86.15` as the integer that filters compare: 570086015. */
export function driverNumber(version: string): number {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return major * 1_000_000 + minor * 1000 + patch;
}

import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { LaunchInput } from '../admin/schema.ts';
import { notNegative, positive, sessionOption, wholePositive } from './call-options.ts';

/** What `launch` and `plan` take alike: the fields of an order, as options. */
export type OrderOptions = {
  session: string;
  model?: string;
  keepAlive?: number;
  budget?: number;
  lifetime?: number;
  autoSwitch: boolean;
  hedge?: number;
  replace?: boolean;
  tiers?: LaunchInput['tiers'];
  numGpus?: number;
  gpuRam?: number;
  disk?: number;
  image?: string;
  vllmArg?: string[];
  interruptible?: boolean;
  maxBid?: number;
  maxPrice?: number;
  countries?: string[];
  notCountries?: string[];
  datacenterOnly?: boolean;
  unverified?: boolean;
  minReliability?: number;
  machines?: number[];
  notMachines?: number[];
};

export function addOrderOptions(command: Command): Command {
  command
    .addOption(sessionOption())
    .option('-m, --model <name>', 'model to serve (default: LEASH_MODEL of the server)')
    .option('-k, --keep-alive <minutes>', 'how long it serves after its last use', positive)
    .option('-b, --budget <usd>', 'most it may spend', positive)
    .option('--lifetime <minutes>', 'longest life, whatever its use', positive)
    .option('--no-auto-switch', 'do not let the gateway send requests to it by itself')
    .option('--hedge <n>', 'rent on so many hosts at once and keep the first READY', wholePositive)
    .option('--replace', 'rent again, within the budget, when it is lost while READY')
    .option('--tiers <file>', 'a JSON file with the GPU table of this session', tierFile)
    .option('--image <image>', 'container image (default: LEASH_IMAGE of the server)')
    .addOption(
      new Option(
        '--vllm-arg <arg>',
        'an argument for vLLM; repeat it, as in --vllm-arg=--max-model-len --vllm-arg=8192',
      ).argParser((text: string, before: string[] | undefined) => [...(before ?? []), text]),
    );
  return addMachineOptions(command);
}

/** Which machines will do: what `offers` takes as well. */
export function addMachineOptions(command: Command): Command {
  return command
    .option('--num-gpus <n>', 'GPUs in one machine', wholePositive)
    .option('--gpu-ram <gib>', 'least memory per GPU (default: computed from the model)', positive)
    .option('--disk <gb>', 'disk (default: computed from image and model)', positive)
    .option('--interruptible', 'bid for a machine that others may outbid')
    .option('--max-bid <usd-per-hour>', 'highest bid, with --interruptible', positive)
    .option('--max-price <usd-per-hour>', 'highest price, whatever the tier allows', positive)
    .option('--countries <codes>', 'only in these countries, such as DE,FR', codes)
    .option('--not-countries <codes>', 'not in these countries', codes)
    .option('--datacenter-only', 'only machines in data centres')
    .option('--unverified', 'also machines that the provider has not verified')
    .option('--min-reliability <fraction>', 'least reliability of a machine, 0 to 1', notNegative)
    .option('--machines <ids>', 'only these machines, such as 123,456, whatever is remembered of them', ids)
    .option('--not-machines <ids>', 'not these machines', ids);
}

/** The body of `POST /api/admin/vllm/launch` and of `POST /api/admin/plan`: only what was asked for, so that the server's defaults stand. */
export function orderOf(options: OrderOptions): LaunchInput {
  const order = {
    session: options.session,
    model: options.model,
    keep_alive_minutes: options.keepAlive,
    auto_switch: options.autoSwitch ? undefined : false,
    budget_usd: options.budget,
    max_lifetime_minutes: options.lifetime,
    hedge: options.hedge,
    replace: options.replace,
    tiers: options.tiers,
    num_gpus: options.numGpus,
    gpu_ram_gib: options.gpuRam,
    disk_gb: options.disk,
    image: options.image,
    vllm_args: options.vllmArg,
    interruptible: options.interruptible,
    max_bid_usd_per_hour: options.maxBid,
    max_usd_per_hour: options.maxPrice,
    countries: options.countries,
    not_countries: options.notCountries,
    datacenter_only: options.datacenterOnly,
    verified_only: options.unverified ? false : undefined,
    min_reliability: options.minReliability,
    machines: options.machines,
    not_machines: options.notMachines,
  };
  return Object.fromEntries(Object.entries(order).filter(([, value]) => value !== undefined));
}

/** Country codes, in capital letters. */
export function codes(text: string): string[] {
  return text
    .split(/[\s,]+/)
    .filter((code) => code !== '')
    .map((code) => code.toUpperCase());
}

/** Machine ids. */
export function ids(text: string): number[] {
  return text
    .split(/[\s,]+/)
    .filter((id) => id !== '')
    .map(wholePositive);
}

/** Only that it is JSON is checked here; what a table must hold is the server's to say, all at once. */
function tierFile(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

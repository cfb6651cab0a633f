import type { ContractOrder } from './contract.ts';
import type { Machine } from './machine.ts';
import { seededRandom } from './random.ts';

/** What it takes a machine to get an image, in market time: lines give three quarters of what they promise. */
export function pullOf(image: string, machine: Machine) {
  const bytes = imageBytes(image);
  return {
    bytes,
    downloadSeconds: (bytes * 8) / (machine.downloadMbps * 0.75 * 1e6),
    unpackSeconds: (bytes * 2) / (machine.diskMbPerSecond * 1e6),
  };
}

/**
 * Bytes of weights that the container fetches once it runs, from the size in the model's name
 * (`Qwen2.5-7B` in 16-bit is 14 GB); none where nothing names a size.
 */
export function weightsBytes(order: ContractOrder): number {
  const said = [order.onstart ?? '', ...order.args, ...order.env.map(([, value]) => value)].join(' ');
  const size = /[-_/](\d+(?:\.\d+)?)b(?![a-z0-9])([-_.a-z0-9]*)/i.exec(said);
  if (size?.[1] === undefined) return 0;
  // GPTQ comes in both: `…-GPTQ-Int8` says so behind its method.
  const bytesPerParameter = /fp8|int8|8bit|w8/i.test(size[2] ?? '')
    ? 1.05
    : /awq|gptq|int4|4bit|w4/i.test(size[2] ?? '')
      ? 0.6
      : 2;
  return Math.min(Number(size[1]), 500) * 1e9 * bytesPerParameter;
}

/** Bytes that pulling an image brings over the host's line. */
function imageBytes(image: string): number {
  const known = KNOWN_GB.find(([part]) => image.includes(part));
  return (known?.[1] ?? seededRandom(0, 'image', image).between(0.8, 6)) * 1e9;
}

/** Compressed sizes as registries report them, GB. */
const KNOWN_GB: readonly (readonly [part: string, gb: number])[] = [
  ['vllm/vllm-openai', 9.6],
  ['vastai/vllm', 10.4],
  ['vastai/pytorch', 7.8],
  ['vastai/base-image', 3.1],
  ['pytorch/pytorch', 4.2],
  ['nvidia/cuda', 2.6],
  ['tensorflow/tensorflow', 3.4],
  ['ubuntu', 0.03],
];

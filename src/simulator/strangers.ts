import { copyOf, openMeter } from './books.ts';
import type { Contract } from './contract.ts';
import { hash, seededRandom } from './random.ts';
import type { World } from './world.ts';

/** Instances that somebody else rents in the main account. Whoever cleans up must leave them alone. */
export function openStrangers(world: World, now: number): void {
  const random = seededRandom(world.settings.seed, 'strangers');
  for (const [label, image] of STRANGERS) {
    const free = [...world.market.shown()].filter(
      ({ slice, machine }) =>
        world.market.isFree(slice) && slice.gpuCount === 1 && machine.usdPerGpuHour < 0.12,
    );
    if (free.length === 0) return;
    const { slice, machine } = random.pick(free);
    const id = world.contracts.newId();
    const createdAt = now - random.between(600, 7200);
    // They were billed elsewhere until now: their books open with ours.
    const meter = openMeter(now);
    const contract: Contract = {
      id,
      accountId: world.accounts.main.id,
      key: hash(`stranger/${id}`).toString(16).padStart(64, '0'),
      machineId: machine.id,
      sliceKey: slice.key,
      offerId: slice.offerId,
      gpuCount: 1,
      order: {
        label,
        image,
        onstart: null,
        args: [],
        env: [['-p 8080:8080', '1']],
        runtype: 'ssh_proxy',
        diskGb: 10,
        bid: null,
        target: 'running',
        templateHash: null,
      },
      endDate: world.market.endDate(machine),
      isServed: false,
      requestedAt: createdAt,
      createdAt,
      label,
      gpuUsdPerHour: slice.usdPerGpuHour,
      bid: null,
      listedAt: createdAt,
      reply: 'sent',
      intended: 'running',
      current: 'running',
      next: 'running',
      actual: 'running',
      statusMessage: `success, running ${image.replaceAll(':', '_')}/ssh`,
      isStartQueued: false,
      hasImage: true,
      runningAt: createdAt + 120,
      startedAt: createdAt + 120,
      ports: [],
      faults: [],
      pending: [],
      run: 1,
      destroyRequestedAt: null,
      destroyAcceptedAt: null,
      destroyedAt: null,
      destroyedBy: null,
      billedUntil: null,
      meter,
      posted: copyOf(meter),
    };
    world.market.take(slice, id);
    world.contracts.add(contract);
  }
}

const STRANGERS = [
  [null, 'pytorch/pytorch:2.9.0-cuda12.8-cudnn9-runtime'],
  ['comfyui-anna', 'vastai/comfy:v0.3.60-cuda-12.8-py312'],
  ['leash-notes', 'ubuntu:24.04'],
] as const;

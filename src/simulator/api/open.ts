import type { World } from '../world.ts';

/** Calls that need no key. */
export function openAnswer(world: World, method: string, path: string): unknown {
  if (method !== 'GET') return undefined;
  const models = [...world.market.machines.values()].map(({ gpu }) => gpu);
  const names = [...new Set(models.map(({ name }) => name))].sort();
  if (path === '/api/v0/gpu_names/unique') return { gpu_names: names };
  if (path === '/api/v0/gpu_types') {
    return {
      success: true,
      gpu_types: names.map((name) => ({
        gpu_name: name,
        gpu_ram: [...new Set(models.filter((gpu) => gpu.name === name).map(({ ramMib }) => ramMib))],
      })),
    };
  }
  return undefined;
}

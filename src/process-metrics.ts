import { statfs } from 'node:fs/promises';
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';

/** Of the process: processor, memory, event loop; and how much room there is on the disk its state lies on. */
export function collectProcessMetrics(registry: Registry, home: string): void {
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'leash_home_disk_bytes',
    help: 'Disk that LEASH_HOME lies on: what is free for this process, and its size',
    labelNames: ['kind'] as const,
    registers: [registry],
    async collect() {
      this.reset();
      const disk = await statfs(home).catch(() => null);
      if (disk === null) return;
      this.set({ kind: 'free' }, disk.bavail * disk.bsize);
      this.set({ kind: 'size' }, disk.blocks * disk.bsize);
    },
  });
}

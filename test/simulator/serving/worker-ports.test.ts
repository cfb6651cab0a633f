import { expect, test } from 'vitest';
import { placeWorkerPorts } from '../../../src/simulator/serving/worker-ports.ts';

test('two workers of one template have ports of their own, and are still reached by the mapped one', async () => {
  const given = { WORKER_PORT: '3000', VAST_TCP_PORT_3000: '20001', MODEL_SERVER_PORT: '8000', OTHER: '1' };
  const [one, two] = [await placeWorkerPorts(given, 12_001), await placeWorkerPorts(given, 12_002)];
  expect(one.environment).toMatchObject({ WORKER_PORT: '12001', VAST_TCP_PORT_12001: '20001' });
  const ports = [one, two].flatMap(({ environment }) => [
    environment.WORKER_PORT,
    environment.WORKER_HTTP_PORT,
    environment.MODEL_SERVER_PORT,
  ]);
  expect(ports).not.toContain(undefined);
  expect(new Set(ports).size).toBe(6);
  expect(one.environment).not.toHaveProperty('OTHER');
  one.release();
  two.release();
});

test('an instance that names no worker’s port keeps its variables', async () => {
  expect((await placeWorkerPorts({ MODEL_SERVER_PORT: '8000' }, 12_001)).environment).toEqual({});
});

import type { ServingOrder } from '../../../src/simulator/backend.ts';
import { reserveFreePort } from '../../../src/simulator/serving/free-port.ts';

export const KEY = 'sk-test-of-this-instance';

/** An order for one container whose port 8000 is mapped to a free host port. */
export async function anOrder(changes: Partial<ServingOrder> = {}): Promise<ServingOrder & { url: string }> {
  const { port } = await reserveFreePort();
  const order: ServingOrder = {
    instanceId: 4711,
    image: 'vllm/vllm-openai:v0.16.0',
    onstart: `#!/bin/bash
exec vllm serve "$LEASH_MODEL" --host "\${LEASH_LISTEN_HOST:-0.0.0.0}" --port \${LEASH_LISTEN_PORT:-8000} \\
  --api-key "$LEASH_VLLM_KEY" --max-model-len 512`,
    args: [],
    environment: { LEASH_MODEL: 'Qwen/Qwen2.5-7B-Instruct', LEASH_VLLM_KEY: KEY },
    host: '127.0.0.1',
    ports: [{ containerPort: 8000, hostPort: port }],
    loadMs: 30,
    faults: [],
    seed: 7,
    ...changes,
  };
  return { ...order, url: `http://127.0.0.1:${order.ports[0]?.hostPort ?? port}` };
}

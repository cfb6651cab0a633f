import { Agent, request } from 'undici';
import { afterEach, expect, test } from 'vitest';
import type { Backend, Serving } from '../../../src/simulator/backend.ts';
import { createFakeBackend } from '../../../src/simulator/serving/fake-backend.ts';
import { createProcessBackend } from '../../../src/simulator/serving/process-backend.ts';
import { composeLaunch } from '../../../src/vllm/launch-script.ts';
import { anOrder, KEY } from './an-order.ts';
import { withKey } from './calls.ts';
import { aCertificate } from './certificate.ts';
import { eventually } from './eventually.ts';

const started: Serving[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((serving) => serving.stop()));
});

const backends: Backend[] = [createFakeBackend(), createProcessBackend()];
const manyArgs = Array.from(
  { length: 300 },
  (_, index) => `--override-generation-config={"top_k": ${index}}`,
);

test.each(
  backends.flatMap((backend) => [
    [backend.name, 'as it is', [], backend] as const,
    [backend.name, 'packed, being too long', manyArgs, backend] as const,
  ]),
)(
  'the start script of a session serves TLS on the backend %s, %s',
  async (_name, _case, vllmArgs, backend) => {
    const tls = await aCertificate();
    const { onstart, environment } = composeLaunch({
      servedName: 'default',
      modelToLoad: 'Qwen/Qwen2.5-7B-Instruct-AWQ',
      vllmArgs: ['--max-model-len', '4096', ...vllmArgs],
      apiKey: KEY,
      label: 'leash.owner00000.default.run0000000.1.x1795360000',
      tls: { certificatePem: tls.cert, keyPem: tls.key },
    });
    const order = await anOrder({ onstart, environment });
    const serving = await backend.start(order);
    started.push(serving);
    await eventually('it says that it serves', () =>
      serving.logLines().some((line) => line.includes('startup complete')),
    );
    const dispatcher = new Agent({ connect: { ca: tls.cert } });
    const url = `${order.url.replace('http:', 'https:')}/v1/models`;
    const answer = await request(url, { dispatcher, headers: withKey });
    expect(await answer.body.json()).toMatchObject({
      data: [{ id: 'default', root: 'Qwen/Qwen2.5-7B-Instruct-AWQ', max_model_len: 4096 }],
    });
    expect((await request(url, { dispatcher })).statusCode).toBe(401);
    await dispatcher.destroy();
  },
);

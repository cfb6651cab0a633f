import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { readDeployment } from '../../src/cli/pyworker/deployment.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');
const EXAMPLES = readdirSync(join(ROOT, 'examples')).filter((name) => name.startsWith('pyworker-'));

test('there is an example for embeddings, for vLLM and for reranking', () => {
  expect(EXAMPLES).toEqual(['pyworker-embeddings', 'pyworker-rerank', 'pyworker-vllm']);
});

describe.each(EXAMPLES)('%s', (example) => {
  const read = (file: string) => readFileSync(join(ROOT, 'examples', example, file), 'utf8');

  test('its template can be deployed, with nothing to warn of', () => {
    const file = JSON.parse(read('template.json'));
    const reading = readDeployment(file, { image: 'ghcr.io/you/worker:1.0.0' });
    expect(reading).toMatchObject({ kind: 'read', deployment: { warnings: [] } });
    // With whose image is for the reader to say.
    expect(readDeployment(file)).toEqual({ kind: 'wrong', problems: [expect.stringContaining('--image')] });
  });

  test('its template starts what its image holds', () => {
    const { template } = JSON.parse(read('template.json'));
    expect(template.onstart).toContain(`/app/examples/${example}}/start.sh`);
    expect(read('Dockerfile')).toContain(`COPY examples/${example} examples/${example}`);
  });

  test('its image has a fixed base, a user of its own, a check, and hands signals on', () => {
    const lines = read('Dockerfile').split('\n');
    const bases = lines.filter((line) => line.startsWith('FROM '));
    for (const base of bases) expect(base).toMatch(/^FROM [\w./-]+:v?\d+\.\d+(\.\d+)?[\w.-]*( AS \w+)?$/);
    const words = lines.map((line) => line.split(' ')[0]);
    expect(words.lastIndexOf('USER')).toBeGreaterThan(words.lastIndexOf('FROM'));
    expect(words).toContain('HEALTHCHECK');
    expect(lines.find((line) => line.startsWith('ENTRYPOINT'))).toContain('["tini", "--",');
    expect(read('start.sh')).toMatch(/\nexec node "\$folder\/worker\.ts"\n$/);
  });

  test('its scripts are ones that any shell can read', async () => {
    await run('sh', ['-n', join(ROOT, 'examples', example, 'start.sh')]);
    await run('sh', ['-n', join(ROOT, 'examples', 'certificate.sh')]);
  });

  test('its worker is short, and its page has a dozen lines at most', () => {
    expect(read('worker.ts').split('\n').length).toBeLessThanOrEqual(45);
    expect(read('README.md').trim().split('\n').length).toBeLessThanOrEqual(15);
  });
});

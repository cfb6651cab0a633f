import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { settingsSchema } from '../../src/config.ts';
import { TASK_QUEUES } from '../../src/workflows/ids.ts';

/** What can be known of the container files without a container engine. */
type Service = {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly restart?: string;
  readonly volumes?: readonly string[];
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly secrets?: readonly string[];
  readonly read_only?: boolean;
  readonly security_opt?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly deploy?: { readonly resources: { readonly limits: { cpus: string; memory: string } } };
};

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TEXT = read('docker-compose.yml');
const COMPOSE = parse(TEXT, { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
  configs: Record<string, { content: string }>;
  secrets: Record<string, { file: string }>;
};
const SERVICES = Object.entries(COMPOSE.services);
const LEASH = SERVICES.filter(([, { image }]) => image.startsWith('leash:'));
/** They end when they are done: nothing of them is there to be probed. */
const ONCE = ['setup', 'temporal-schema'];
const SECRET = /TOKEN|KEY|PASSWORD|PWD|SECRET|LOGIN/;

describe('docker-compose.yml', () => {
  test.each(SERVICES)('%s: its image is pinned to a version', (_, { image }) => {
    expect(image).toMatch(/^[a-z/-]+:v?\d+\.\d+[\w.-]*$/);
  });

  test.each(SERVICES)('%s: nothing of it is reached from other machines', (_, { ports = [] }) => {
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  test.each(SERVICES)('%s: comes back after a failure', (_, { restart }) => {
    expect(restart).toMatch(/^(unless-stopped|on-failure:\d+)$/);
  });

  test.each(SERVICES)('%s: cannot take the whole machine, nor gain rights', (_, service) => {
    expect(service.deploy?.resources.limits).toEqual({
      cpus: expect.stringMatching(/^[\d.]+$/),
      memory: expect.stringMatching(/^\d+[mg]$/),
    });
    expect(service.security_opt).toEqual(['no-new-privileges:true']);
    expect(service.cap_drop).toEqual(['ALL']);
  });

  test.each(SERVICES)('%s: is probed, or ends by itself', (name, { healthcheck, restart }) => {
    if (ONCE.includes(name)) expect(restart).toMatch(/^on-failure/);
    else expect(healthcheck?.test?.[0]).toBe('CMD');
  });

  test.each([...LEASH.map(([name]) => name), 'prometheus', 'grafana'])(
    '%s: writes into its volumes only',
    (name) => {
      expect(COMPOSE.services[name]?.read_only).toBe(true);
    },
  );

  test('every secret comes from a file that the service is handed', () => {
    let count = 0;
    for (const [service, { environment = {}, secrets = [] }] of SERVICES) {
      for (const [name, value] of Object.entries(environment)) {
        if (!SECRET.test(name)) continue;
        count += 1;
        expect(value, `${service}: ${name}`).toMatch(/^\/run\/secrets\//);
        expect(secrets, `${service}: ${name}`).toContain(value.replace('/run/secrets/', ''));
      }
      for (const secret of secrets) expect(COMPOSE.secrets[secret]?.file).toBe(`./secrets/${secret}`);
    }
    expect(count).toBeGreaterThan(5);
  });

  test('only workers hold the key of the market', () => {
    const holders = SERVICES.filter(([, { secrets }]) => secrets?.includes('vastai-api-key'));
    expect(holders.map(([name]) => name)).toEqual(['worker']);
  });

  test('Prometheus finds the server and every worker, with a token from a file', () => {
    const { scrape_configs: jobs } = parse(read('ops/prometheus/compose.yml')) as {
      scrape_configs: { authorization: object; dns_sd_configs?: object[]; static_configs?: object[] }[];
    };
    const port = Number(COMPOSE.services.worker?.environment?.LEASH_WORKER_PORT);
    expect(jobs.flatMap((job) => job.dns_sd_configs ?? [])).toMatchObject([
      { names: ['worker'], type: 'A', port },
    ]);
    expect(jobs.flatMap((job) => job.static_configs ?? [])).toEqual([{ targets: ['server:8080'] }]);
    for (const job of jobs)
      expect(job.authorization).toEqual({ credentials_file: '/run/secrets/admin-token' });
    expect(COMPOSE.services.prometheus?.secrets).toEqual(['admin-token']);
  });

  test.each(LEASH)('%s: is given settings that exist', (_, { environment = {} }) => {
    const known = Object.entries(settingsSchema.shape).flatMap(([name, schema]) =>
      (schema.meta() as { secret?: boolean } | undefined)?.secret === true ? [name, `${name}_FILE`] : [name],
    );
    expect(Object.keys(environment).filter((name) => !known.includes(name))).toEqual([]);
  });

  test.each(LEASH)('%s: runs a program that exists', (_, { command = [] }) => {
    expect(command[0]).toBe('node');
    expect(existsSync(join(ROOT, command[1] ?? 'none'))).toBe(true);
  });

  test('server and worker are one installation', () => {
    const { server, worker } = COMPOSE.services as { server: Service; worker: Service };
    const shared = [
      'LEASH_OWNER',
      'LEASH_SECRET_FILE',
      'LEASH_CA_DIR',
      'TEMPORAL_ADDRESS',
      'TEMPORAL_NAMESPACE',
    ];
    for (const name of shared) {
      expect(server.environment?.[name], name).toBeDefined();
      expect(server.environment?.[name], name).toBe(worker.environment?.[name]);
    }
    const authority = `authority:${server.environment?.LEASH_CA_DIR}`;
    for (const { volumes } of [server, worker]) expect(volumes).toContain(authority);
  });

  test('queues that are paced have one partition', () => {
    const settings = parse(COMPOSE.configs['temporal-settings']?.content ?? '') as Record<
      string,
      { value: number; constraints?: { taskQueueName: string } }[]
    >;
    for (const side of ['Read', 'Write']) {
      const single = (settings[`matching.numTaskqueue${side}Partitions`] ?? [])
        .filter(({ value }) => value === 1)
        .map(({ constraints }) => constraints?.taskQueueName);
      expect(single.sort()).toEqual([TASK_QUEUES.create, TASK_QUEUES.destroy, TASK_QUEUES.show].sort());
    }
  });
});

describe('Dockerfile', () => {
  const LINES = read('Dockerfile').replaceAll('\\\n', ' ').split('\n');
  const argumentsOf = (instruction: string) =>
    LINES.filter((line) => line.startsWith(`${instruction} `)).map((line) =>
      line.slice(instruction.length).trim(),
    );

  test('runs on the Node that the tests run on', () => {
    const { devDependencies } = JSON.parse(read('package.json')) as { devDependencies: { node: string } };
    expect(argumentsOf('FROM')[0]).toBe(`node:${devDependencies.node}-bookworm-slim AS base`);
  });

  test('runs as nobody special, and is probed', () => {
    expect(argumentsOf('USER')).toEqual(['node']);
    expect(argumentsOf('HEALTHCHECK')[0]).toContain('/healthz');
  });

  test('copies what exists, and what .dockerignore lets through', () => {
    const sources = argumentsOf('COPY')
      .filter((copied) => !copied.startsWith('--from'))
      .flatMap((copied) => copied.split(/\s+/).slice(0, -1));
    const letIn = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    expect(sources.length).toBeGreaterThan(4);
    for (const source of sources) {
      expect(existsSync(join(ROOT, source)), source).toBe(true);
      expect(letIn, source).toContain(source);
    }
  });

  test('what .dockerignore leaves out of src is imported by neither program', () => {
    const leftOut = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('src/'));
    const reached = filesReachedFrom([
      'src/server.ts',
      'src/worker.ts',
      'src/temporal-setup.ts',
      'src/workflows/index.ts',
    ]);
    expect(leftOut.length).toBeGreaterThan(0);
    expect(reached.length).toBeGreaterThan(50);
    expect(reached.filter((file) => leftOut.some((folder) => file.startsWith(`${folder}/`)))).toEqual([]);
  });
});

/** Every source file that a program loads, by following its imports. */
function filesReachedFrom(programs: readonly string[]): string[] {
  const reached = new Set(programs);
  for (const file of reached) {
    if (!file.endsWith('.ts')) continue;
    for (const [, specifier = ''] of read(file).matchAll(/(?:from |import\()'(\.[^']+)'/g)) {
      reached.add(join(file, '..', specifier));
    }
  }
  return [...reached];
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

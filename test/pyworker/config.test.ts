import { describe, expect, test } from 'vitest';
import { resolveConfig } from '../../src/pyworker/config.ts';
import { ConfigurationError, createVastWorker, type WorkerConfig } from '../../src/pyworker/index.ts';
import { aConfig, ENVIRONMENT } from './surroundings.ts';

/** What it says is wrong. */
function problemsOf(config: WorkerConfig, environment: Record<string, string | undefined> = ENVIRONMENT) {
  try {
    resolveConfig(config, environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

describe('the configuration of a worker', () => {
  test('needs no more than handlers where the environment says the rest', () => {
    expect(resolveConfig(aConfig(), ENVIRONMENT)).toMatchObject({
      ...{ workerPort: 3_000, localPort: 3_001, modelUrl: 'http://127.0.0.1:8000', maxSessions: 10 },
      ...{ containerId: 1001, reportAddresses: ['https://engine.example'], isTls: false, isUnsecured: false },
      publicUrl: 'http://203.0.113.7:40123',
      handlers: [{ route: '/v1/completions', maxQueueTime: 30 }],
      benchmark: { kind: 'fixed', loadPerSecond: 100 },
      isBenchmarkGiven: false,
    });
  });

  test('is stronger than the environment where both say something', () => {
    const config = aConfig({ modelServerUrl: 'http://10.0.0.1/', modelServerPort: 9_000, workerPort: 4_000 });
    const environment = { ...ENVIRONMENT, MODEL_SERVER_URL: 'http://elsewhere', VAST_TCP_PORT_4000: '50000' };
    expect(resolveConfig(config, environment)).toMatchObject({
      modelUrl: 'http://10.0.0.1:9000',
      publicUrl: 'http://203.0.113.7:50000',
    });
  });

  test('takes several addresses of the engine, TLS and no signatures from the environment', () => {
    const environment = {
      ...ENVIRONMENT,
      REPORT_ADDR: 'http://a/, http://b',
      USE_SSL: 'true',
      UNSECURED: 'Yes',
    };
    expect(resolveConfig(aConfig(), environment)).toMatchObject({
      ...{ reportAddresses: ['http://a', 'http://b'], isTls: true, isUnsecured: true },
      publicUrl: 'https://203.0.113.7:40123',
    });
  });

  test('says all that is wrong at once, each with the path to it', () => {
    const config = {
      workerPort: 70_000,
      handlers: [
        { route: 'no-slash', maxQueueTime: -1 },
        { route: '/health', allowParallelRequests: 'yes' },
        { route: '/a', benchmark: { runs: 2 } },
      ],
      colour: 'red',
    } as unknown as WorkerConfig;
    const environment = { ...ENVIRONMENT, CONTAINER_ID: '', PUBLIC_IPADDR: undefined, UNSECURED: 'perhaps' };
    const problems = problemsOf(config, environment).join('\n');
    for (const path of [
      ...[
        'workerPort: must be a port',
        'handlers[0].route: must be a path',
        'handlers[0].maxQueueTime: must be above 0',
      ],
      ...[
        'handlers[1].route: is a path of the worker itself',
        'handlers[1].allowParallelRequests: must be true or false',
      ],
      ...[
        'handlers[2].benchmark: must have a dataset or a generator',
        'colour: is no option',
        'CONTAINER_ID: is not set',
        'PUBLIC_IPADDR: is not set',
      ],
      'UNSECURED: must be true or false',
    ])
      expect(problems).toContain(path);
  });

  test.each([
    [
      'a route twice',
      [{ route: '/a' }, { route: '/a' }],
      'handlers[1].route: is the route of handlers[0] too',
    ],
    [
      'two benchmarks',
      [
        { route: '/a', benchmark: { loadPerSecond: 1 } },
        { route: '/b', benchmark: { loadPerSecond: 1 } },
      ],
      'handlers[1].benchmark: is the second one',
    ],
    ['no handler', [], 'handlers: must have a handler'],
  ])('refuses %s', (_what, handlers, problem) => {
    expect(problemsOf(aConfig({ handlers })).join()).toContain(problem);
  });

  test('names the variable of the port that callers reach it by', () => {
    const [problem] = problemsOf(aConfig({ workerPort: 3_500 }));
    expect(problem).toContain('VAST_TCP_PORT_3500: is not set');
  });

  test('throws before anything is begun', () => {
    expect(() => createVastWorker(aConfig({ handlers: [] }), ENVIRONMENT)).toThrow(ConfigurationError);
  });
});

import type { WorkerConfig } from '../../src/pyworker/index.ts';

/** What Vast.ai sets in an instance. */
export const ENVIRONMENT = {
  CONTAINER_ID: '1001',
  MASTER_TOKEN: 'master-token',
  REPORT_ADDR: 'https://engine.example/',
  PUBLIC_IPADDR: '203.0.113.7',
  VAST_TCP_PORT_3000: '40123',
  MODEL_SERVER_PORT: '8000',
} as const;

/** The seed's least configuration. */
export function aConfig(set: Partial<WorkerConfig> = {}): WorkerConfig {
  return {
    handlers: [{ route: '/v1/completions', workloadCalculator: () => 1, allowParallelRequests: true }],
    logActionConfig: { onLoad: ['up'], onError: ['broke'], onInfo: [] },
    ...set,
  };
}

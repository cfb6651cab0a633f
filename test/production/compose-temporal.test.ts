import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { TASK_QUEUES } from '../../src/workflows/ids.ts';
import { composedTemporal, environmentHere, PORT_NAMES } from './compose-temporal.ts';

const composed = composedTemporal(readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8'));

const places = {
  databasePort: 6000,
  password: 'of the database',
  dynamicConfigFile: '/somewhere/dynamic.yaml',
  ports: PORT_NAMES.map((_, index) => 7000 + index),
};

test('the server runs natively with what the compose file gives it, at addresses of this machine', () => {
  const here = environmentHere(composed, places);
  expect(here).toMatchObject({
    DB: composed.environment.DB,
    POSTGRES_USER: composed.environment.POSTGRES_USER,
    DB_PORT: '6000',
    POSTGRES_PWD: 'of the database',
    BIND_ON_IP: '127.0.0.1',
    FRONTEND_GRPC_PORT: '7000',
  });
  expect(Object.keys(here)).toEqual(expect.arrayContaining(Object.keys(composed.environment)));
});

test('each queue that is paced has one partition, or its rate would be divided', () => {
  const told = parse(composed.dynamicConfig, { merge: true }) as Record<string, unknown>;
  for (const setting of ['matching.numTaskqueueReadPartitions', 'matching.numTaskqueueWritePartitions']) {
    for (const taskQueueName of [TASK_QUEUES.create, TASK_QUEUES.destroy, TASK_QUEUES.show])
      expect(told[setting]).toContainEqual({ value: 1, constraints: { taskQueueName } });
  }
});

test('a value that the compose file takes from outside and nobody gives here is named', () => {
  const environment = { ...composed.environment, SQL_HOST_NAME: ['$', '{DATABASE_HOST}'].join('') };
  expect(() => environmentHere({ ...composed, environment }, places)).toThrow(/SQL_HOST_NAME/);
});

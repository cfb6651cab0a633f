import { expect, test } from 'vitest';
import { addressOf, labelsOf } from '../../src/domain/instance.ts';
import { anInstance } from '../support/builders.ts';

test('a model server is reached at the public address and the port mapped to its own', () => {
  const instance = anInstance({ publicIp: '203.0.113.7', hostPorts: { '22/tcp': 1, '8000/tcp': 37_708 } });
  expect(addressOf(instance)).toEqual({ host: '203.0.113.7', port: 37_708 });
  expect(addressOf(instance, 22)).toEqual({ host: '203.0.113.7', port: 1 });
});

test('there is no address until both host and port are known', () => {
  expect(addressOf(anInstance({ publicIp: null }))).toBeNull();
  expect(addressOf(anInstance({ publicIp: '' }))).toBeNull();
  expect(addressOf(anInstance({ hostPorts: {} }))).toBeNull();
  expect(addressOf(anInstance({ hostPorts: { '8000/udp': 1 } }))).toBeNull();
});

test('an instance carries what stands on it and what is in its environment', () => {
  expect(labelsOf(anInstance())).toEqual([]);
  expect(labelsOf(anInstance({ label: 'shown', labelFromEnvironment: 'ours' }))).toEqual(['shown', 'ours']);
});

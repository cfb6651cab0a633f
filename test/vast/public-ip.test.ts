import { expect, test } from 'vitest';
import { isPlausiblePublicIp } from '../../src/vast/client.ts';

const apiUrl = 'https://console.vast.ai';

test.each(['8.8.8.8', '203.0.113.7', '172.32.0.1', '100.128.0.1', '2a01:4f8::1'])(
  '%s can be a host',
  (ip) => {
    expect(isPlausiblePublicIp(ip, { apiUrl })).toBe(true);
  },
);

test.each([
  '10.1.2.3',
  '172.31.255.255',
  '192.168.1.1',
  '127.0.0.1',
  '169.254.169.254',
  '100.64.0.1',
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
  '::1',
  '::',
  'fd00::1',
  'fe80::1',
  '::ffff:10.0.0.1',
  '::ffff:a9fe:a9fe',
  '64:ff9b::a00:1',
  'localhost',
  'metadata.internal',
  '8.8.8.8:80',
  '',
])('%j is no address of a rented host', (ip) => {
  expect(isPlausiblePublicIp(ip, { apiUrl })).toBe(false);
});

test.each(['http://127.0.0.1:8700', 'http://localhost:8700', 'http://[::1]:8700'])(
  'a market at %s has its machines on loopback too',
  (url) => {
    expect(isPlausiblePublicIp('127.0.0.1', { apiUrl: url })).toBe(true);
  },
);

test('a name that only begins like loopback is not it', () => {
  expect(isPlausiblePublicIp('127.0.0.1', { apiUrl: 'https://127.0.0.1.example.com' })).toBe(false);
});

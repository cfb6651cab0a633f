import { BlockList, isIP } from 'node:net';

/** Addresses that nobody reaches from elsewhere: private, loopback, link-local, carrier NAT, multicast, reserved. */
const UNREACHABLE = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  UNREACHABLE.addSubnet(network, prefix, 'ipv4');
}
for (const [network, prefix] of [
  ['::', 127],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  UNREACHABLE.addSubnet(network, prefix, 'ipv6');
}

/**
 * Whether an instance can be at this address.
 *
 * A host can report a private address, or one inside our own network: requests with the model's key must not
 * go there. A market on loopback is a simulator, whose machines are on loopback too.
 */
export function isPlausiblePublicIp(ip: string, { apiUrl }: { apiUrl: string }): boolean {
  if (isLoopback(apiUrl)) return ip !== '';
  const family = isIP(ip);
  if (family === 0) return false;
  return !UNREACHABLE.check(ip, family === 4 ? 'ipv4' : 'ipv6');
}

function isLoopback(url: string): boolean {
  const host = new URL(url).hostname;
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

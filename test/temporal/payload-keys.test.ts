import { rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PayloadKeys, PayloadKeysError, parsePayloadKeys } from '../../src/temporal/payload-keys.ts';
import { eventually } from '../support/eventually.ts';
import { keysFile } from '../support/payload-keys.ts';

const KEY = (fill: number) => Buffer.alloc(32, fill).toString('base64');

test('the first line encrypts, and comments and empty lines are passed over', () => {
  const ring = parsePayloadKeys(`# of 2026\n\n  2026-11  ${KEY(1)}\r\n2026-05\t${KEY(2)}\n`, 'keys');
  expect(ring.encrypting?.id).toBe('2026-11');
  expect([...ring.byId.keys()]).toEqual(['2026-11', '2026-05']);
});

test('`none` first encrypts nothing, with keys behind it or without', () => {
  expect(parsePayloadKeys('none\n', 'keys')).toEqual({ encrypting: null, byId: new Map() });
  const ring = parsePayloadKeys(`none\nk1 ${KEY(1)}`, 'keys');
  expect(ring.encrypting).toBeNull();
  expect([...ring.byId.keys()]).toEqual(['k1']);
});

test('every wrong line is named at once, and no key is repeated', () => {
  const wrong = [
    `-k ${KEY(1)}`,
    'k1',
    `k2 ${KEY(2)} k3`,
    `k4 ${Buffer.alloc(16, 4).toString('base64')}`,
    `k5 ${KEY(5)}`,
    `k5 ${KEY(6)}`,
    `k7 ${KEY(5)}`,
    'none',
    `k8 ${KEY(8).replace('=', '!')}`,
  ];
  const error = thrownBy(() => parsePayloadKeys(wrong.join('\n'), '/run/secrets/payload-keys'));
  expect(error.message.split('\n')).toEqual([
    'Cannot use the payload keys in /run/secrets/payload-keys (LEASH_PAYLOAD_KEYS_FILE):',
    expect.stringMatching(/^ {2}line 1: an id is 1 to 32/),
    expect.stringMatching(/^ {2}line 2: k1: a line is an id, a space and a key/),
    expect.stringMatching(/^ {2}line 3: k2: a line is an id, a space and a key/),
    expect.stringMatching(/^ {2}line 4: k4: a key is 32 bytes in base64/),
    expect.stringMatching(/^ {2}line 6: k5: another line has this id/),
    expect.stringMatching(/^ {2}line 7: k7: this is the key of k5 again/),
    expect.stringMatching(/^ {2}line 8: `none` may stand on the first line only/),
    expect.stringMatching(/^ {2}line 9: k8: a key is 32 bytes in base64/),
  ]);
  for (const line of wrong) expect(error.message).not.toContain(line.split(' ')[1] ?? KEY(1));
});

test('a file that is missing or empty stops the start, by its name', () => {
  using file = keysFile();
  expect(thrownBy(() => new PayloadKeys(file.path)).message).toMatch(
    /holds no key: `leash encryption new-key`/,
  );
  expect(thrownBy(() => new PayloadKeys('/nowhere/keys')).message).toMatch(/\/nowhere\/keys.*\n.*ENOENT/);
});

test('a key that is added, and one put first, are taken up without a restart; a broken file changes nothing', async () => {
  using file = keysFile('k1');
  const log: string[] = [];
  const note = (facts: object, words: string) => log.push(`${words} ${JSON.stringify(facts)}`);
  const keys = new PayloadKeys(file.path, { info: note, error: note } as never);
  file.write('k2', 'k1');
  await eventually('k2 encrypts', async () => keys.ring.encrypting?.id === 'k2');
  expect(log).toEqual(['payload keys were read anew {"encrypting":"k2","decrypting":["k2","k1"]}']);
  writeFileSync(file.path, 'k3 not-a-key\n');
  await eventually('the log says so', async () => keys.ring && log.length === 2);
  expect(log[1]).toMatch(/stay as they were read last.*line 1: k3: a key is 32 bytes/);
  rmSync(file.path);
  await eventually('the log says that too', async () => keys.ring && log.length >= 3);
  expect(keys.ring.encrypting?.id).toBe('k2');
});

test('without a file nothing is on', () => {
  const keys = new PayloadKeys();
  expect([keys.isOn, keys.ring.encrypting, keys.ring.byId.size]).toEqual([false, null, 0]);
});

function thrownBy(call: () => unknown): PayloadKeysError {
  try {
    call();
  } catch (error) {
    if (error instanceof PayloadKeysError) return error;
    throw error;
  }
  throw new Error('Nothing was thrown.');
}

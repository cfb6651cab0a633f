import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { expect, test } from 'vitest';
import { EncryptionCodec, PayloadUnreadable } from '../../src/temporal/payload-codec.ts';
import { PayloadKeys } from '../../src/temporal/payload-keys.ts';
import { keysFile } from '../support/payload-keys.ts';

const VALUE = { model: 'Qwen/Qwen2.5-7B-Instruct', usd: 1.5 };

function aPayload(value: unknown = VALUE): Payload {
  const payload = defaultPayloadConverter.toPayload(value);
  if (payload === undefined) throw new Error('no payload');
  return payload;
}

async function encrypted(codec: EncryptionCodec, value?: unknown): Promise<Payload & { data: Uint8Array }> {
  const [payload] = await codec.encode([aPayload(value)]);
  if (!payload?.data) throw new Error('no payload');
  return { ...payload, data: payload.data };
}

test('what is encrypted names its key and is read back whole, metadata included', async () => {
  using file = keysFile('k1');
  const codec = new EncryptionCodec(new PayloadKeys(file.path));
  const stored = await encrypted(codec);
  expect(Buffer.from(stored.metadata?.encoding ?? []).toString()).toBe('binary/encrypted');
  expect(Buffer.from(stored.metadata?.['encryption-key-id'] ?? []).toString()).toBe('k1');
  expect(Object.keys(stored.metadata ?? {})).toHaveLength(2);
  expect(Buffer.from(stored.data).toString('latin1')).not.toMatch(/Qwen|json/);
  const [read] = await codec.decode([stored]);
  expect(Buffer.from(read?.metadata?.encoding ?? []).toString()).toBe('json/plain');
  expect(defaultPayloadConverter.fromPayload(read ?? {})).toEqual(VALUE);
});

test('no two payloads share a nonce, though they say the same', async () => {
  using file = keysFile('k1');
  const codec = new EncryptionCodec(new PayloadKeys(file.path));
  const payloads = await codec.encode(Array.from({ length: 2_000 }, () => aPayload()));
  const nonces = payloads.map(({ data }) =>
    Buffer.from(data ?? [])
      .subarray(0, 12)
      .toString('hex'),
  );
  expect(new Set(nonces).size).toBe(2_000);
});

test('the first key encrypts, every key decrypts, and what is not encrypted passes as it is', async () => {
  using file = keysFile('k1');
  const before = await encrypted(new EncryptionCodec(new PayloadKeys(file.path)), 'before');
  file.write('k2', 'k1');
  const codec = new EncryptionCodec(new PayloadKeys(file.path));
  const after = await encrypted(codec, 'after');
  const read = await codec.decode([before, aPayload('plain'), after]);
  expect(read.map((payload) => defaultPayloadConverter.fromPayload(payload))).toEqual([
    'before',
    'plain',
    'after',
  ]);
  expect(Buffer.from(after.metadata?.['encryption-key-id'] ?? []).toString()).toBe('k2');
});

test('`none` before the keys stores what is new readable, and still reads what is not', async () => {
  using file = keysFile('k1');
  const before = await encrypted(new EncryptionCodec(new PayloadKeys(file.path)), 'before');
  file.write('none', 'k1');
  const codec = new EncryptionCodec(new PayloadKeys(file.path));
  expect(await codec.encode([aPayload()])).toEqual([aPayload()]);
  const [read] = await codec.decode([before]);
  expect(defaultPayloadConverter.fromPayload(read ?? {})).toBe('before');
});

test('a payload of an unknown key is refused by the name of the key, with what is known and what to do', async () => {
  using file = keysFile('k1');
  const stored = await encrypted(new EncryptionCodec(new PayloadKeys(file.path)));
  file.write('k2', 'k3');
  await expect(new EncryptionCodec(new PayloadKeys(file.path)).decode([stored])).rejects.toThrow(
    /key "k1", which LEASH_PAYLOAD_KEYS_FILE does not hold here \(it holds k2, k3\)\. Add that key's line/,
  );
  await expect(new EncryptionCodec(new PayloadKeys()).decode([stored])).rejects.toThrow(
    /key "k1", and LEASH_PAYLOAD_KEYS_FILE is not set here/,
  );
});

test.each<[string, (stored: Payload & { data: Uint8Array }, otherId: Uint8Array) => Payload]>([
  ['with one bit of it turned', ({ data, ...rest }) => ({ ...rest, data: turned(data, 20) })],
  ['with its nonce changed', ({ data, ...rest }) => ({ ...rest, data: turned(data, 0) })],
  ['with its tag changed', ({ data, ...rest }) => ({ ...rest, data: turned(data, data.length - 1) })],
  ['with its end cut off', ({ data, ...rest }) => ({ ...rest, data: data.subarray(0, -1) })],
  ['with next to nothing left', ({ data, ...rest }) => ({ ...rest, data: data.subarray(0, 27) })],
  ['with no data at all', ({ metadata }) => ({ metadata: metadata ?? {} })],
  [
    'under the id of another key',
    ({ data, metadata }, id) => ({
      data,
      metadata: { ...metadata, 'encryption-key-id': id },
    }),
  ],
])('a payload %s is refused', async (_how, spoil) => {
  using file = keysFile('k1', 'k2');
  const codec = new EncryptionCodec(new PayloadKeys(file.path));
  const spoiled = spoil(await encrypted(codec), Buffer.from('k2'));
  await expect(codec.decode([spoiled])).rejects.toThrow(PayloadUnreadable);
});

test('the id of a key is authenticated, even where two ids stand for one key', async () => {
  using file = keysFile('k1');
  const stored = await encrypted(new EncryptionCodec(new PayloadKeys(file.path)));
  const { readFileSync, writeFileSync } = await import('node:fs');
  writeFileSync(file.path, readFileSync(file.path, 'utf8').replace('k1', 'renamed'));
  const metadata = { ...stored.metadata, 'encryption-key-id': Buffer.from('renamed') };
  await expect(
    new EncryptionCodec(new PayloadKeys(file.path)).decode([{ ...stored, metadata }]),
  ).rejects.toThrow(/changed since it was encrypted/);
});

function turned(data: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(data);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

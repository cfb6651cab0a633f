import { createSign, generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { SignatureCheck, signedText } from '../../src/pyworker/signature.ts';

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const URL_OF_WORKER = 'https://203.0.113.7:40123';

function sign(text: string): string {
  return createSign('sha256').update(text).sign(privateKey, 'base64');
}

test('the engine’s signature of an address is right, again and again, and of that address alone', () => {
  const check = new SignatureCheck(() => publicKey);
  const signature = sign('{\n    "url": "https://203.0.113.7:40123"\n}');
  expect(check.isRight(URL_OF_WORKER, signature)).toBe(true);
  expect(check.isRight(URL_OF_WORKER, signature)).toBe(true);
  expect(check.isRight('https://203.0.113.8:40123', signature)).toBe(false);
});

test.each([
  ['an old one, of all fields', sign(JSON.stringify({ cost: 1, url: URL_OF_WORKER }, null, 4))],
  ['what is no base64', '!!!'],
  ['nothing', ''],
  ['what is no text', 17],
])('%s is not right', (_what, signature) => {
  expect(new SignatureCheck(() => publicKey).isRight(URL_OF_WORKER, signature)).toBe(false);
});

test('without the key nothing is right, and with it what was refused before is', () => {
  let key: typeof publicKey | null = null;
  const check = new SignatureCheck(() => key);
  const signature = sign(signedText(URL_OF_WORKER));
  expect(check.isRight(URL_OF_WORKER, signature)).toBe(false);
  key = publicKey;
  expect(check.isRight(URL_OF_WORKER, signature)).toBe(true);
});

test('letters beyond ASCII are signed as Python escapes them', () => {
  expect(signedText('https://ä')).toBe('{\n    "url": "https://\\u00e4"\n}');
});

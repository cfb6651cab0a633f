import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checkEncryption } from '../../src/cli/doctor/encryption.ts';
import { parsePayloadKeys } from '../../src/temporal/payload-keys.ts';
import { keysFile } from '../support/payload-keys.ts';
import { runLeash } from './run-leash.ts';

test('a new key is one line that the file of keys takes, and what to do with it is said beside it', async () => {
  const [one, other] = await Promise.all([
    runLeash(['encryption', 'new-key']),
    runLeash(['encryption', 'new-key', '--id', '2027']),
  ]);
  expect([one.code, other.code]).toEqual([0, 0]);
  expect(one.out).toMatch(/^\d{4}-\d\d-\d\d-[0-9a-f]{4} [A-Za-z0-9+/]{43}=\n$/);
  const ring = parsePayloadKeys(one.out + other.out, 'keys');
  expect([...ring.byId.keys()]).toEqual([one.out.split(' ')[0], '2027']);
  expect(one.err).toMatch(/below the others.*move it to the top/s);
});

test('for scripts it is JSON; an id that the file would refuse is refused', async () => {
  const { out } = await runLeash(['encryption', 'new-key', '--id', 'k9', '--json']);
  expect(JSON.parse(out)).toEqual({ id: 'k9', key: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/) });
  for (const id of ['none', '-x', 'with space', 'x'.repeat(33)])
    expect((await runLeash(['encryption', 'new-key', `--id=${id}`])).code).toBe(2);
});

test('the doctor says which key encrypts and which can be read', () => {
  using file = keysFile('k2', 'k1');
  const says = (path: string | undefined) => checkEncryption(path).check;
  expect(says(undefined)).toMatchObject({ verdict: 'ok', says: expect.stringMatching(/^Off/) });
  expect(says(file.path)).toMatchObject({ verdict: 'ok', says: 'Key k2 encrypts; k2, k1 can be read.' });
  file.write('none', 'k1');
  expect(says(file.path)).toMatchObject({
    verdict: 'warning',
    says: expect.stringMatching(/none.*k1 can be read/),
  });
  writeFileSync(file.path, 'k1 short\n');
  expect(says(file.path)).toMatchObject({ verdict: 'broken', says: expect.stringMatching(/line 1: k1/) });
});

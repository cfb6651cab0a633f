import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { NOTIFICATION_KINDS, type Notification } from '../../src/domain/notification.ts';
import { signedHeaders } from '../../src/notifications/signature.ts';
import { webhookBody } from '../../src/notifications/webhook-body.ts';
import { EXAMPLES } from './notification-examples.ts';

const PAGE = readFileSync(fileURLToPath(new URL('../../docs/notifications.md', import.meta.url)), 'utf8');

test('every kind has an example', () => {
  const kinds = new Set(EXAMPLES.map(({ kind }) => kind));
  expect([...kinds].sort()).toEqual([...NOTIFICATION_KINDS].sort());
});

describe.each(EXAMPLES)('$id', ({ kind, severity, title, text }) => {
  test('is on the page as it is sent', () => {
    expect(PAGE).toContain(`**${title}** (\`${kind}\`, ${severity})`);
    expect(PAGE).toContain(
      text
        .split('\n')
        .map((line) => `> ${line}`)
        .join('\n>\n'),
    );
  });

  test('is one or two lines of a phone, ends as a sentence, and holds no value that is none', () => {
    expect(title.length).toBeLessThanOrEqual(70);
    expect(text).toMatch(/[.]$/);
    expect(`${title} ${text}`).not.toMatch(/undefined|NaN|null|Infinity|\{/);
  });
});

describe('verifying', () => {
  const SECRET = `whsec_${randomBytes(24).toString('base64')}`;
  const [sent] = EXAMPLES as [Notification];
  const body = webhookBody(sent);

  /** The page's own code, given what came; it prints the event's id or fails. */
  function verify(
    language: 'js' | 'python',
    { secret = SECRET, body: given = body, atMs = Date.now() } = {},
  ) {
    const code = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(PAGE)?.[1] ?? '';
    const place = mkdtempSync(join(tmpdir(), 'leash-verify-'));
    const headers = signedHeaders({ id: sent.id, body, atMs }, SECRET);
    const [file, program, call] =
      language === 'js' ? ['verify.mjs', process.execPath, JS_CALL] : ['verify.py', 'python3', PYTHON_CALL];
    writeFileSync(join(place, file), `${code}\n${call}`);
    const ended = spawnSync(program, [join(place, file)], {
      input: JSON.stringify({ headers, body: given, secret }),
      encoding: 'utf8',
      timeout: 20_000,
    });
    rmSync(place, { recursive: true });
    return ended;
  }

  const JS_CALL = `
import { readFileSync } from 'node:fs';
const { headers, body, secret } = JSON.parse(readFileSync(0, 'utf8'));
console.log(verify(headers, body, secret).id);
`;
  const PYTHON_CALL = `
import sys
given = json.load(sys.stdin)
print(verify(given["headers"], given["body"], given["secret"])["id"])
`;

  describe.each(['js', 'python'] as const)('with the %s of the page', (language) => {
    test('takes what Leash signed', () => {
      const { stdout, stderr } = verify(language);
      expect(stderr).toBe('');
      expect(stdout.trim()).toBe(sent.id);
    });

    test.each([
      ['another secret', { secret: `whsec_${randomBytes(24).toString('base64')}` }],
      ['a changed body', { body: body.replace('READY', 'ready') }],
      ['an old message', { atMs: Date.now() - 3_600_000 }],
    ])('refuses %s', (_what, given) => {
      const { status, stdout } = verify(language, given);
      expect(status).not.toBe(0);
      expect(stdout).toBe('');
    });
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { settle } from '../src/cli/compose.ts';
import { ConfigError, FILE_SECRETS, parseConfig, redactedConfig } from '../src/config.ts';
import { connectClient } from '../src/temporal/connection.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'leash-secret-files-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function fileWith(text: string, name = 'secret'): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

function complaintOf(environment: Record<string, string>): string {
  try {
    parseConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
}

describe('a secret given as a file', () => {
  test('is the setting itself, without the new line that editors add', () => {
    const config = parseConfig({ VASTAI_API_KEY_FILE: fileWith('the-key\n') });
    expect(config.VASTAI_API_KEY).toBe('the-key');
    expect(redactedConfig(config).VASTAI_API_KEY).toBe('[redacted]');
  });

  test.each([
    'VASTAI_API_KEY',
    'HF_TOKEN',
    'LEASH_IMAGE_LOGIN',
    'LEASH_WEBHOOK_SECRET',
    'LEASH_SLACK_WEBHOOK_URL',
    'LEASH_DATABASE_URL',
    'MODAL_TOKEN_SECRET',
    'ANTHROPIC_API_KEY',
  ])('%s can be one', (name) => {
    expect(FILE_SECRETS).toContain(name);
    expect(complaintOf({ [`${name}_FILE`]: join(folder, 'none') })).toContain(`${name}_FILE: `);
  });

  test('follows the rules of the setting, and is not repeated where it breaks them', () => {
    const complaint = complaintOf({ LEASH_WEBHOOK_SECRET_FILE: fileWith('too-short') });
    expect(complaint).toContain('LEASH_WEBHOOK_SECRET: base64 of at least 16 bytes');
    expect(complaint).not.toContain('too-short');
  });

  test('is not read where its setting is empty text', () => {
    expect(parseConfig({ HF_TOKEN_FILE: ' ' }).HF_TOKEN).toBeUndefined();
    expect(parseConfig({ HF_TOKEN: '', HF_TOKEN_FILE: fileWith('hf') }).HF_TOKEN).toBe('hf');
  });

  test('whatever is wrong is told together, with everything else', () => {
    const complaint = complaintOf({
      HF_TOKEN: 'hf-by-itself',
      HF_TOKEN_FILE: fileWith('hf-in-a-file'),
      VASTAI_API_KEY_FILE: join(folder, 'none'),
      ANTHROPIC_API_KEY_FILE: folder,
      MODAL_TOKEN_SECRET_FILE: fileWith('\n', 'empty'),
      LEASH_PORT: 'x',
    });
    expect(complaint).toContain('5 settings are wrong');
    expect(complaint).toContain('HF_TOKEN and HF_TOKEN_FILE are both set');
    expect(complaint).toMatch(
      /VASTAI_API_KEY_FILE: \S+none cannot be read \(ENOENT\): there is no such file/,
    );
    expect(complaint).toMatch(/ANTHROPIC_API_KEY_FILE: \S+ cannot be read \(EISDIR\)/);
    expect(complaint).toMatch(/MODAL_TOKEN_SECRET_FILE: \S+empty is empty/);
    expect(complaint).toContain('LEASH_PORT');
    expect(complaint).not.toMatch(/hf-by-itself|hf-in-a-file/);
  });

  test('with the key of the market makes the installation a real one', () => {
    const key = fileWith('the-key');
    expect(settle({ environment: { VASTAI_API_KEY_FILE: key } })).toMatchObject({
      isSimulated: false,
      namespace: 'leash',
    });
    expect(settle({ environment: {} }).isSimulated).toBe(true);
  });
});

test("Temporal's key in a file that is not there stops the connection, and says which", async () => {
  process.env.TEMPORAL_API_KEY_FILE = join(folder, 'none');
  try {
    await expect(connectClient({ connectTimeoutMs: 100 })).rejects.toThrow(
      /TEMPORAL_API_KEY_FILE: .*no such file/,
    );
  } finally {
    delete process.env.TEMPORAL_API_KEY_FILE;
  }
});

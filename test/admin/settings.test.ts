import { expect, test } from 'vitest';
import { settingsAnswer } from '../../src/admin/answers.ts';
import { presentSettings } from '../../src/admin/settings.ts';
import { parseConfig, settingsSchema } from '../../src/config.ts';
import { startHttpEdge, TOKEN } from '../support/http-edge.ts';

const SECRETS = {
  VASTAI_API_KEY: 'vast-key-of-tests',
  ADMIN_TOKEN: 'admin-token-of-tests',
  VIEWER_TOKEN: 'viewer-token-of-tests',
  HF_TOKEN: 'hf-token-of-tests',
  ANTHROPIC_API_KEY: 'anthropic-key-of-tests',
  MODAL_TOKEN_ID: 'modal-id-of-tests',
  MODAL_TOKEN_SECRET: 'modal-secret-of-tests',
  LEASH_IMAGE_LOGIN: '-u user -p image-password ghcr.io',
  LEASH_DATABASE_URL: 'postgres://leash:database-password@db.example/leash',
};

test('every setting is shown with what it means, and whether it is something else than its default', async () => {
  await using edge = await startHttpEdge({
    settings: { LEASH_MODEL: 'org/model', GATEWAY_ORDER: 'vastai,modal' },
  });
  const answer = await edge.ask('/api/admin/settings');
  const { items } = settingsAnswer.parse(await answer.json());
  expect(items.map(({ name }) => name)).toEqual(Object.keys(settingsSchema.shape));
  const named = (name: string) => items.find((item) => item.name === name);
  expect(named('LEASH_MODEL')).toEqual({
    name: 'LEASH_MODEL',
    value: 'org/model',
    is_set: true,
    is_secret: false,
    default: 'Qwen/Qwen2.5-7B-Instruct',
    says: 'Model served when a launch names none',
  });
  expect(named('VASTAI_BUDGET_LIMIT')).toMatchObject({ value: '15', is_set: false, default: '15' });
  expect(named('GATEWAY_ORDER')).toMatchObject({ value: 'vastai,modal', default: 'modal,vastai,anthropic' });
  expect(named('LEASH_TIERS')).toMatchObject({ value: null, is_set: false, default: null });
  expect(items.filter(({ says }) => says === '')).toEqual([]);
});

test('a secret is said to be set, and its value is nowhere', () => {
  const items = presentSettings(parseConfig(SECRETS));
  for (const name of Object.keys(SECRETS)) {
    expect(items.find((item) => item.name === name)).toMatchObject({
      value: null,
      is_set: true,
      is_secret: true,
    });
  }
  expect(JSON.stringify(items)).not.toMatch(/of-tests|image-password|database-password/);
});

test('nor is one that stands in a setting that is none', () => {
  const url = 'https://somebody:a-proxy-password@models.example/v1';
  const providers = JSON.stringify([{ name: 'other', url, models: ['m'] }]);
  const items = presentSettings(
    parseConfig({ MODAL_WEB_URL: url, GATEWAY_PROVIDERS: providers, LEASH_IMAGE: `image:${TOKEN}` }),
    [TOKEN],
  );
  const text = JSON.stringify(items);
  expect(text).not.toMatch(new RegExp(`a-proxy-password|${TOKEN}`));
  expect(items.find(({ name }) => name === 'MODAL_WEB_URL')?.value).toBe(
    'https://[redacted]@models.example/v1',
  );
});

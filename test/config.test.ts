import { describe, expect, test } from 'vitest';
import { ConfigError, isLoopback, parseConfig, redactedConfig, settingsSchema } from '../src/config.ts';

const SECRETS = [
  'VASTAI_API_KEY',
  'MODAL_TOKEN_ID',
  'MODAL_TOKEN_SECRET',
  'ANTHROPIC_API_KEY',
  'ADMIN_TOKEN',
  'VIEWER_TOKEN',
  'HF_TOKEN',
  'LEASH_IMAGE_LOGIN',
  'LEASH_WEBHOOK_URL',
  'LEASH_WEBHOOK_SECRET',
  'LEASH_SLACK_WEBHOOK_URL',
] as const;

/** Settings that are not any text. */
const SHAPED: Readonly<Record<string, string>> = {
  LEASH_WEBHOOK_URL: 'https://hooks.example/the-webhook-itself',
  LEASH_WEBHOOK_SECRET: Buffer.from('the webhook secret itself').toString('base64'),
  LEASH_SLACK_WEBHOOK_URL: 'https://slack.example/the-slack-webhook-itself',
};

function complaintOf(environment: Record<string, string>): string {
  try {
    parseConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
}

describe('settings', () => {
  test('all have a safe value, or none, when the environment is empty', () => {
    expect(parseConfig({})).toMatchObject({
      VASTAI_API_URL: 'https://console.vast.ai',
      VASTAI_BUDGET_LIMIT: 15,
      VASTAI_BUDGET_PERIOD: 'month',
      VASTAI_SESSION_BUDGET_LIMIT: 2,
      VASTAI_DEFAULT_KEEP_ALIVE_MINUTES: 45,
      VASTAI_MAX_STARTUP_TIME_MINUTES: 15,
      VASTAI_AUTO_DESTROY_ON_ERROR: true,
      VASTAI_HEALTH_CHECK_INTERVAL_SECONDS: 60,
      VASTAI_SEARCH_TIMEOUT_SECONDS: 60,
      VASTAI_MAX_SEARCH_RETRIES: 3,
      LEASH_MODEL: 'Qwen/Qwen2.5-7B-Instruct',
      LEASH_IMAGE: 'vllm/vllm-openai:v0.16.0',
      LEASH_REAP_MAX: 10,
      LEASH_RATE_SCALE: 1,
      LEASH_HOST: '127.0.0.1',
      LEASH_PORT: 8080,
      LEASH_HOME: '.leash',
    });
    for (const name of SECRETS) expect(parseConfig({})[name]).toBeUndefined();
  });

  test('each say what they are for', () => {
    for (const [name, schema] of Object.entries(settingsSchema.shape))
      expect(schema.description, name).toMatch(/.{10,}/);
  });

  test('take fractions of minutes and seconds', () => {
    const config = parseConfig({ VASTAI_DEFAULT_KEEP_ALIVE_MINUTES: '0.05', LEASH_SETTLE_SECONDS: ' 0.5 ' });
    expect(config.VASTAI_DEFAULT_KEEP_ALIVE_MINUTES).toBe(0.05);
    expect(config.LEASH_SETTLE_SECONDS).toBe(0.5);
  });

  test('refuse a guard that would fire between two health checks, unless it is off', () => {
    const minutes = (LEASH_GUARD_MINUTES: string) => complaintOf({ LEASH_GUARD_MINUTES });
    expect(minutes('2.9')).toContain('LEASH_GUARD_MINUTES (2.9) is less than three times');
    expect(minutes('3')).toBe('');
    expect(minutes('0')).toBe('');
    expect(complaintOf({ VASTAI_HEALTH_CHECK_INTERVAL_SECONDS: '600' })).toContain(
      'LEASH_GUARD_MINUTES (15)',
    );
  });

  test('left empty count as not set', () => {
    expect(parseConfig({ VASTAI_API_KEY: '', LEASH_PORT: '  ', ADMIN_TOKEN: '' })).toEqual(parseConfig({}));
  });

  test('ignore what is not ours', () => {
    expect(parseConfig({ PATH: '/bin', LEASH_NOT_A_SETTING: '1' })).toEqual(parseConfig({}));
  });

  test.each([
    ['true', true],
    ['1', true],
    ['on', true],
    ['no', false],
    ['0', false],
  ])('switch by the word %s', (word, isOn) => {
    expect(parseConfig({ VASTAI_AUTO_DESTROY_ON_ERROR: word }).VASTAI_AUTO_DESTROY_ON_ERROR).toBe(isOn);
  });

  test('name a base URL with or without its last slash alike', () => {
    expect(parseConfig({ VASTAI_API_URL: 'http://127.0.0.1:8700/' }).VASTAI_API_URL).toBe(
      'http://127.0.0.1:8700',
    );
  });
});

describe('wrong settings', () => {
  test.each([
    ['VASTAI_BUDGET_LIMIT', '0'],
    ['VASTAI_BUDGET_LIMIT', '-1'],
    ['VASTAI_BUDGET_LIMIT', 'Infinity'],
    ['VASTAI_BUDGET_LIMIT', 'ten'],
    ['VASTAI_BUDGET_PERIOD', 'week'],
    ['VASTAI_BUDGET_PERIOD', '0d'],
    ['VASTAI_MAX_SEARCH_RETRIES', '1.5'],
    ['VASTAI_AUTO_DESTROY_ON_ERROR', 'maybe'],
    ['VASTAI_API_URL', 'ftp://console.vast.ai'],
    ['VASTAI_API_URL', 'console.vast.ai'],
    ['LEASH_PORT', '65536'],
    ['LEASH_OWNER', 'Upper-Case'],
    ['LEASH_MAX_ATTEMPTS', '0'],
    ['LEASH_LOG_LEVEL', 'loud'],
    ['LEASH_SCORE_WEIGHTS', '{price: 1}'],
  ])('%s=%s stops the start and is named with its value', (name, value) => {
    expect(complaintOf({ [name]: value })).toMatch(new RegExp(`${name}: .+\\(given: `));
    expect(complaintOf({ [name]: value })).toContain(JSON.stringify(value));
  });

  test('a key with a sign that no header can carry stops the start, and is not shown', () => {
    const complaint = complaintOf({ VASTAI_API_KEY: 'secret…' });
    expect(complaint).toMatch(/VASTAI_API_KEY: .*ASCII.*\[redacted\]/);
    expect(complaint).not.toContain('secret');
  });

  test('are all named at once, with the rules that two sound ones break together', () => {
    const complaint = complaintOf({
      LEASH_PORT: 'x',
      LEASH_MAX_ATTEMPTS: '0',
      VASTAI_SESSION_BUDGET_LIMIT: '20',
      LEASH_RATE_SCALE: '0',
    });
    expect(complaint).toMatch(/^Cannot start: 4 settings are wrong\./);
    for (const said of [
      'LEASH_PORT',
      'LEASH_MAX_ATTEMPTS',
      'VASTAI_SESSION_BUDGET_LIMIT (20)',
      'LEASH_RATE_SCALE',
    ])
      expect(complaint).toContain(said);
  });

  test('are not held against others that they make no sense of', () => {
    const complaint = complaintOf({ VASTAI_BUDGET_LIMIT: 'x', VASTAI_SESSION_BUDGET_LIMIT: '20' });
    expect(complaint).toContain('a setting is wrong');
    expect(complaint).not.toContain('is above');
  });

  test('inside a JSON object are named by their key', () => {
    const weights = { price: 'x', reliability: 1, download: 1, cuda: 1, disk: 1, memory: 1 };
    expect(complaintOf({ LEASH_SCORE_WEIGHTS: JSON.stringify(weights) })).toContain(
      'LEASH_SCORE_WEIGHTS.price: ',
    );
    const more = { ...weights, price: 1, colour: 1 };
    expect(complaintOf({ LEASH_SCORE_WEIGHTS: JSON.stringify(more) })).toContain('colour');
  });

  test('headers for a collector are pairs, percent-encoded', () => {
    const parsed = parseConfig({ OTEL_EXPORTER_OTLP_HEADERS: ' authorization=Basic%20abc= , x-tenant=a,' });
    expect(parsed.OTEL_EXPORTER_OTLP_HEADERS).toEqual({ authorization: 'Basic abc=', 'x-tenant': 'a' });
    for (const wrong of ['hunter2', 'a b=hunter2', 'x=hunter2%0d%0ay: z', 'x=hunter2%']) {
      const complaint = complaintOf({ OTEL_EXPORTER_OTLP_HEADERS: wrong });
      expect(complaint).toMatch(/OTEL_EXPORTER_OTLP_HEADERS: name=value pairs.*\[redacted\]/);
      expect(complaint).not.toContain('hunter2');
    }
  });

  test('that are secret are not repeated', () => {
    const complaint = complaintOf({ ADMIN_TOKEN: 'hunter2' });
    expect(complaint).toContain('ADMIN_TOKEN: at least 8 characters (given: [redacted])');
    expect(complaint).not.toContain('hunter2');
  });
});

describe('rules across settings', () => {
  test('a session’s budget fits into that of all', () => {
    expect(complaintOf({ VASTAI_BUDGET_LIMIT: '1', VASTAI_SESSION_BUDGET_LIMIT: '1' })).toBe('');
    expect(complaintOf({ VASTAI_BUDGET_LIMIT: '1' })).toContain('no session of that size could ever start');
  });

  test('only a market on this machine is called faster than the real one allows', () => {
    expect(complaintOf({ LEASH_RATE_SCALE: '0', VASTAI_API_URL: 'http://127.0.0.1:8700' })).toBe('');
    expect(complaintOf({ LEASH_RATE_SCALE: '0.5' })).toContain('LEASH_RATE_SCALE below 1');
    expect(complaintOf({ LEASH_RATE_SCALE: '2' })).toBe('');
  });

  test.each([
    ['http://localhost:8700', true],
    ['http://127.0.0.1', true],
    ['http://127.8.8.8:1', true],
    ['http://[::1]:8700', true],
    ['https://console.vast.ai', false],
    ['http://127.0.0.1.example.com', false],
    ['http://127.example.com', false],
    ['http://localhost.example.com', false],
    ['http://10.0.0.1', false],
    ['http://0.0.0.0', false],
  ])('%s is this machine: %s', (address, isHere) => {
    expect(isLoopback(address)).toBe(isHere);
  });
});

describe.each(['LEASH_WEBHOOK_URL', 'LEASH_SLACK_WEBHOOK_URL'])('%s', (name) => {
  test.each([
    'https://hooks.example/services/T0/B0/token',
    'http://127.0.0.1:9000/hook?token=1',
    'http://localhost/hook/',
  ])('may be %s, and is not changed', (url) => {
    expect(parseConfig({ [name]: url })).toMatchObject({ [name]: url });
  });

  test.each([
    ['http://hooks.example/token', 'https, or http on this machine'],
    ['ftp://127.0.0.1/token', 'Invalid URL'],
    ['hooks.example/token', 'Invalid URL'],
    ['https://user:token@hooks.example/', 'no user and password in it'],
  ])('may not be %s, which is not repeated', (url, why) => {
    expect(complaintOf({ [name]: url })).toContain(`${name}: ${why} (given: [redacted])`);
    expect(complaintOf({ [name]: url })).not.toContain('token');
  });
});

test.each(['MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'])(
  'a secret for signatures may be %s',
  (secret) => {
    expect(parseConfig({ LEASH_WEBHOOK_SECRET: secret }).LEASH_WEBHOOK_SECRET).toBe(secret);
  },
);

test.each(['too-short', 'not base64 but long enough to be', 'whsec_c2hvcnQ='])(
  'a secret for signatures may not be %s',
  (secret) => {
    expect(complaintOf({ LEASH_WEBHOOK_SECRET: secret })).toContain('openssl rand -base64 32');
    expect(complaintOf({ LEASH_WEBHOOK_SECRET: secret })).not.toContain(secret);
  },
);

test('settings are shown without their secrets', () => {
  const given = Object.fromEntries(SECRETS.map((name) => [name, SHAPED[name] ?? `the-${name}-itself`]));
  const shown = redactedConfig(parseConfig(given));
  for (const name of SECRETS) expect(shown[name]).toBe('[redacted]');
  expect(JSON.stringify(shown)).not.toContain('itself');
  expect(shown.LEASH_PORT).toBe(8080);
  expect(redactedConfig(parseConfig({})).VASTAI_API_KEY).toBeUndefined();
});

test('whatever sounds like a secret is one', () => {
  const given = Object.fromEntries(
    SECRETS.map((name) => [name, SHAPED[name] ?? `something-long-for-${name}`]),
  );
  const hidden = Object.entries(redactedConfig(parseConfig(given)))
    .filter(([, value]) => value === '[redacted]')
    .map(([name]) => name);
  // What allows something about a key holds none, nor does the name of its file.
  const suspicious = Object.keys(settingsSchema.shape).filter(
    (name) =>
      /^(?!LEASH_ALLOW_).*(?:KEY|TOKEN|_SECRET$|LOGIN|PASSWORD)/.test(name) && !name.endsWith('_FILE'),
  );
  expect(hidden).toEqual(expect.arrayContaining(suspicious));
});

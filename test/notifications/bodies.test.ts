import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Notification } from '../../src/domain/notification.ts';
import { signedHeaders } from '../../src/notifications/signature.ts';
import { slackBody } from '../../src/notifications/slack-body.ts';
import { webhookBody } from '../../src/notifications/webhook-body.ts';

const NOTIFICATION: Notification = {
  id: 'default.abcdefghij.breaker.1',
  kind: 'breaker',
  atMs: Date.UTC(2026, 6, 1, 12),
  session: 'default',
  run: 'abcdefghij',
  title: 'default gave up its RTX 4090',
  text: 'It said <!channel> & "x < y".\nSecond line.',
  severity: 'warning',
  data: { spent_usd: 0.5, instance_id: null },
};

describe('the webhook', () => {
  test('is sent all there is, with times as ISO 8601', () => {
    expect(JSON.parse(webhookBody(NOTIFICATION))).toEqual({
      id: 'default.abcdefghij.breaker.1',
      kind: 'breaker',
      at: '2026-07-01T12:00:00.000Z',
      session: 'default',
      run: 'abcdefghij',
      title: NOTIFICATION.title,
      text: NOTIFICATION.text,
      severity: 'warning',
      data: { spent_usd: 0.5, instance_id: null },
    });
  });

  // The example of the specification, and what its reference library makes of it.
  const SECRET = 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const MESSAGE = {
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    atMs: 1_614_265_330_000,
    body: '{"test": 2432232314}',
  };

  test.each([SECRET, `whsec_${SECRET}`])('is signed as Standard Webhooks says, with %s', (secret) => {
    expect(signedHeaders(MESSAGE, secret)).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  test('is signed over id, time and body, so that none of them can be changed', () => {
    const signature = (message: typeof MESSAGE) => signedHeaders(message, SECRET)['webhook-signature'];
    const right = signature(MESSAGE);
    expect(signature({ ...MESSAGE, id: 'other' })).not.toBe(right);
    expect(signature({ ...MESSAGE, atMs: MESSAGE.atMs + 1_000 })).not.toBe(right);
    expect(signature({ ...MESSAGE, body: '{}' })).not.toBe(right);
    const byHand = createHmac('sha256', Buffer.from(SECRET, 'base64'))
      .update('msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}')
      .digest('base64');
    expect(right).toBe(`v1,${byHand}`);
  });

  test('without a secret is not signed, and still says which event it is', () => {
    expect(Object.keys(signedHeaders(MESSAGE, undefined))).toEqual(['webhook-id', 'webhook-timestamp']);
  });
});

describe('Slack', () => {
  const bodyOf = (set: Partial<Notification> = {}) =>
    JSON.parse(slackBody({ ...NOTIFICATION, ...set })) as {
      text: string;
      blocks: { type: string; text?: { type: string; text: string }; elements?: { text: string }[] }[];
    };

  test('gets title, text and what it is about, readable without blocks too', () => {
    const { text, blocks } = bodyOf();
    expect(text).toMatch(/^:warning: default gave up its RTX 4090\n/);
    expect(blocks.map(({ type }) => type)).toEqual(['section', 'context']);
    expect(blocks[0]?.text).toMatchObject({ type: 'mrkdwn' });
    expect(blocks[0]?.text?.text).toMatch(/^:warning: \*default gave up its RTX 4090\*\n/);
    expect(blocks[1]?.elements?.[0]?.text).toBe(
      'breaker · session default · 2026-07-01T12:00:00.000Z · default.abcdefghij.breaker.1',
    );
  });

  test('is sent no control characters of its own: nobody is notified by what a host printed', () => {
    const { text, blocks } = bodyOf();
    for (const sent of [text, blocks[0]?.text?.text ?? ''])
      expect(sent).toContain('It said &lt;!channel&gt; &amp; "x &lt; y".');
  });

  test('is sent no more than it takes, and no half of an entity', () => {
    const { text, blocks } = bodyOf({ text: '&<é😀'.repeat(2_000) });
    for (const sent of [text, blocks[0]?.text?.text ?? '']) {
      expect(sent.length).toBeLessThanOrEqual(3_000);
      expect(sent.length).toBeGreaterThan(2_900);
      expect(sent.replaceAll(/&(amp|lt|gt);/g, '')).not.toContain('&');
      expect(sent.isWellFormed()).toBe(true);
    }
  });
});

import { describe, expect, test } from 'vitest';
import { anthropicError } from '../../../src/gateway/anthropic/translation.ts';

const KEY = 'sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789-ABCDEF';
const said = (type: string, message = 'Something.') =>
  JSON.stringify({ type: 'error', error: { type, message } });

describe('what went wrong at Anthropic, and whose it is', () => {
  test.each([
    [400, 'invalid_request_error', 'caller', 400, 'invalid_request'],
    [401, 'authentication_error', 'provider', 502, 'upstream_unauthorized'],
    [402, 'billing_error', 'provider', 502, 'upstream_billing'],
    [403, 'permission_error', 'provider', 502, 'upstream_forbidden'],
    [404, 'not_found_error', 'provider', 404, 'model_not_found'],
    [413, 'request_too_large', 'caller', 413, 'request_too_large'],
    [429, 'rate_limit_error', 'provider', 429, 'rate_limit_exceeded'],
    [500, 'api_error', 'provider', 502, 'upstream_error'],
    [504, 'timeout_error', 'provider', 504, 'upstream_timeout'],
    [529, 'overloaded_error', 'provider', 503, 'upstream_overloaded'],
    [418, 'something_new', 'provider', 502, 'upstream_error'],
  ])('%i %s', (status, type, whose, answered, code) => {
    expect(anthropicError(status, said(type))).toMatchObject({ whose, error: { status: answered, code } });
  });

  test.each([
    [413, 'caller', 'request_too_large'],
    [429, 'provider', 'rate_limit_exceeded'],
    [500, 'provider', 'upstream_error'],
    [503, 'provider', 'upstream_overloaded'],
    [504, 'provider', 'upstream_timeout'],
    [529, 'provider', 'upstream_overloaded'],
    [400, 'provider', 'upstream_garbled'],
    [302, 'provider', 'upstream_garbled'],
  ])('%i with a page of HTML', (status, whose, code) => {
    const found = anthropicError(status, `<html>${KEY}</html>`);
    expect(found).toMatchObject({ whose, error: { code } });
    expect(JSON.stringify(found)).not.toMatch(/html|sk-ant/);
  });

  test('an empty account comes as 400 and is not the caller’s fault', () => {
    const message = 'Your credit balance is too low to access the Anthropic API.';
    expect(anthropicError(400, said('invalid_request_error', message))).toMatchObject({
      whose: 'provider',
      error: { code: 'upstream_billing' },
    });
  });

  test('a prompt that is too long has the code that clients look for', () => {
    const message = 'prompt is too long: 210000 tokens > 200000 maximum';
    expect(anthropicError(400, said('invalid_request_error', message)).error).toMatchObject({
      code: 'context_length_exceeded',
      message: expect.stringContaining('210000 tokens'),
    });
  });

  test('no key is passed on, and no message without end', () => {
    const { error } = anthropicError(400, said('invalid_request_error', `bad ${KEY} ${'x '.repeat(2_000)}`));
    expect(error.message).not.toContain(KEY.slice(0, 20));
    expect(error.message.length).toBeLessThan(600);
  });

  test.each([
    ['7', 7],
    ['0.5', 0.5],
    ['soon', undefined],
    ['-3', undefined],
    [undefined, undefined],
  ])('retry-after: %s', (header, seconds) => {
    const found = anthropicError(429, said('rate_limit_error'), { 'retry-after': header });
    expect([found.retryAfterSeconds, found.error.retryAfterSeconds]).toEqual([seconds, seconds]);
  });

  test('retry-after as a date', () => {
    const header = new Date(Date.now() + 60_000).toUTCString();
    const { retryAfterSeconds } = anthropicError(529, '', { 'retry-after': header });
    expect(retryAfterSeconds).toBeGreaterThan(30);
    expect(retryAfterSeconds).toBeLessThanOrEqual(60);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memberBytes, unwrap } from '../../src/pyworker/wrapper.ts';

const AUTH = { cost: 1, endpoint: 'e', reqnum: 1, request_idx: 1, signature: 's', url: 'u' };

describe('the payload of a request', () => {
  test('keeps its own bytes, down to numbers that no double holds', () => {
    const text = `{"auth_data": ${JSON.stringify(AUTH)}, "payload": {"seed": 12345678901234567890, "p":"ä"}}`;
    const read = unwrap(Buffer.from(text), undefined);
    expect('wrapped' in read && read.wrapped.payloadBytes?.toString()).toBe(
      ' {"seed": 12345678901234567890, "p":"ä"}',
    );
  });

  test('is found in whatever JSON stands around it', () => {
    const around = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 6 });
    fc.assert(
      fc.property(around, around, fc.jsonValue(), fc.nat({ max: 3 }), (before, after, payload, indent) => {
        const json = JSON.stringify({ ...before, payload, ...after }, null, indent);
        const wanted = (JSON.parse(json) as { payload: unknown }).payload;
        const found = memberBytes(Buffer.from(json), 'payload');
        if (found !== null) expect(JSON.parse(found.toString())).toEqual(wanted);
        // A name with an escape in it could be any.
        else expect(json).toContain('\\');
      }),
    );
  });

  test('that is there twice is the last one, as it was parsed', () => {
    expect(memberBytes(Buffer.from('{"payload":{"a":1},"payload":{"b":2}}'), 'payload')?.toString()).toBe(
      '{"b":2}',
    );
  });
});

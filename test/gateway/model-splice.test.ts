import fc from 'fast-check';
import { expect, test } from 'vitest';
import { withModel } from '../../src/gateway/model-splice.ts';

const splice = (text: string, model = 'new') => withModel(Buffer.from(text), model).toString();

test.each([
  ['{"model":"default","seed":9007199254740993}', '{"model":"new","seed":9007199254740993}'],
  ['{ "a" : [1, {"model":"inner"}] , "model" : null }', '{ "a" : [1, {"model":"inner"}] , "model" : "new" }'],
  ['{}', '{"model":"new"}'],
  ['  { "a":1 }', '  {"model":"new", "a":1 }'],
  ['{"mod\\u0065l":"x"}', '{"mod\\u0065l":"new"}'],
  ['{"model":"a","model":"b"}', '{"model":"new","model":"new"}'],
  ['{"a":"\\\\","model":"x\\"y"}', '{"a":"\\\\","model":"new"}'],
  ['{"a":"\\"model\\":\\"x\\"","b":1}', '{"model":"new","a":"\\"model\\":\\"x\\"","b":1}'],
])('%s', (given, expected) => {
  expect(splice(given)).toBe(expected);
});

test('whatever the object, it is the same with the model in it', () => {
  const object = fc.dictionary(fc.oneof(fc.string(), fc.constant('model')), fc.jsonValue());
  fc.assert(
    fc.property(object, fc.string(), fc.constantFrom(undefined, 2), (body, model, indent) => {
      const spliced = JSON.parse(splice(JSON.stringify(body, null, indent), model));
      const wanted = JSON.parse(JSON.stringify({ ...body, model }));
      expect(spliced).toEqual(wanted);
    }),
    { numRuns: 500 },
  );
});

import fc from 'fast-check';

/** Bytes that a parser of outside data may be given: good ones that were spoiled, JSON, and noise. */
export function inputsLike(seeds: readonly string[]): fc.Arbitrary<Buffer> {
  const good = seeds.map((seed) => Buffer.from(seed));
  const spoiled = fc
    .tuple(fc.constantFrom(...good), fc.array(edit, { minLength: 1, maxLength: 6 }))
    .map(([seed, edits]) => edits.reduce(spoil, seed));
  const json = fc.json({ maxDepth: 4 }).map((text) => Buffer.from(text));
  const noise = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));
  return fc.oneof(
    { weight: 8, arbitrary: spoiled },
    { weight: 2, arbitrary: json },
    { weight: 1, arbitrary: noise },
  );
}

/** What breaks parsers: ends of numbers and texts, names that objects have anyway, marks of the formats read here. */
const WORDS = [
  ...['null', 'true', '{}', '[]', '""', '-1', '0', '1e999', '-0', '9007199254740993', 'NaN', 'Infinity'],
  ...['"__proto__"', '"constructor"', '"toString"', '{"a":', '[[[[[[[[', ']]]]', '\\u0000', '\\ud800', '"\\'],
  ...['\n\n', '\r\n', '\r', 'data: ', 'data:[DONE]', 'event: error\n', ': ', '\ufeff', '\u2028', '€', '🙂'],
  ...['leash.', '.x9', '..', '%2e%2e', '--api-key=', 'Bearer ', 'sk-', 'api_key=', 'a_a_a_a_a_', '________'],
  ...['{le="+Inf"} ', 'NaN\n', 'Error ', 'CUDA', ' 1e308'],
];

const edit = fc.record({
  how: fc.constantFrom('flip', 'cut', 'end', 'word', 'double', 'repeat', 'bytes', 'value'),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.nat({ max: 40 }),
  word: fc.constantFrom(...WORDS),
  bytes: fc.uint8Array({ maxLength: 6 }),
});
type Edit = typeof edit extends fc.Arbitrary<infer One> ? One : never;

const BYTES_MAX = 100_000;

function spoil(input: Buffer, { how, at, length, word, bytes }: Edit): Buffer {
  const place = Math.floor(at * input.length);
  const [before, after] = [input.subarray(0, place), input.subarray(place)];
  const rest = after.subarray(Math.min(length, after.length));
  switch (how) {
    case 'flip':
      return Buffer.concat([
        before,
        Buffer.from([(input[place] ?? 0) ^ (1 << (length % 8))]),
        after.subarray(1),
      ]);
    case 'cut':
      return Buffer.concat([before, rest]);
    case 'end':
      return before;
    case 'word':
      return Buffer.concat([before, Buffer.from(word), after]);
    case 'double':
      return Buffer.concat([input, input]).subarray(0, BYTES_MAX);
    case 'repeat':
      return Buffer.concat([before, Buffer.from(word.repeat(1 + length * 20)), after]).subarray(0, BYTES_MAX);
    case 'bytes':
      return Buffer.concat([before, Buffer.from(bytes), rest]);
    case 'value':
      return withOtherValue(input, place, word);
  }
}

/** Another value after the colon that follows `place`: JSON stays JSON more often than by chance. */
function withOtherValue(input: Buffer, place: number, word: string): Buffer {
  const text = input.toString('latin1');
  const colon = text.indexOf(':', place);
  const end = colon === -1 ? -1 : text.slice(colon).search(/[,}\]]/);
  if (end === -1) return input;
  return Buffer.concat([input.subarray(0, colon + 1), Buffer.from(word), input.subarray(colon + end)]);
}

import { describe } from 'vitest';
import { ANSWER_CASES } from './cases/answers.ts';
import { STREAM_CASES } from './cases/streams.ts';
import { compareOn } from './compare.ts';

describe('answers of the model come through as with the official worker', () => {
  compareOn([...ANSWER_CASES, ...STREAM_CASES]);
});

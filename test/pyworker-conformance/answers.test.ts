import { describe } from 'vitest';
import { CASES } from './cases.ts';
import { compareOn } from './compare.ts';

describe('answers of the model come through as with the official worker', () => {
  compareOn(CASES.answers);
});

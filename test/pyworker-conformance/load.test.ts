import { describe } from 'vitest';
import { CASES } from './cases.ts';
import { compareOn } from './compare.ts';

describe('load and sessions are kept as by the official worker', () => {
  compareOn(CASES.load);
});

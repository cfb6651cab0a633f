import { describe } from 'vitest';
import { CASES } from './cases.ts';
import { compareOn } from './compare.ts';

describe('requests are taken and refused as by the official worker', () => {
  compareOn(CASES.requests);
});

import { describe } from 'vitest';
import { LOAD_CASES } from './cases/load.ts';
import { SESSION_CASES } from './cases/sessions.ts';
import { compareOn } from './compare.ts';

describe('load and sessions are kept as by the official worker', () => {
  compareOn([...LOAD_CASES, ...SESSION_CASES]);
});

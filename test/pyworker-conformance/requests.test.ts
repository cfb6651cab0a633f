import { describe } from 'vitest';
import { BODY_CASES } from './cases/bodies.ts';
import { OWN_ROUTE_CASES } from './cases/own-routes.ts';
import { SIGNATURE_CASES } from './cases/signatures.ts';
import { compareOn } from './compare.ts';

describe('requests are taken and refused as by the official worker', () => {
  compareOn([...BODY_CASES, ...SIGNATURE_CASES, ...OWN_ROUTE_CASES]);
});

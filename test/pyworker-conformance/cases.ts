import type { Case } from './case.ts';
import { ANSWER_CASES } from './cases/answers.ts';
import { BODY_CASES } from './cases/bodies.ts';
import { LOAD_CASES } from './cases/load.ts';
import { OWN_ROUTE_CASES } from './cases/own-routes.ts';
import { SESSION_CASES } from './cases/sessions.ts';
import { SIGNATURE_CASES } from './cases/signatures.ts';
import { STREAM_CASES } from './cases/streams.ts';

/** Every case, by the test file that plays it. */
export const CASES = {
  answers: [...ANSWER_CASES, ...STREAM_CASES],
  requests: [...BODY_CASES, ...SIGNATURE_CASES, ...OWN_ROUTE_CASES],
  load: [...LOAD_CASES, ...SESSION_CASES],
} satisfies Record<string, readonly Case[]>;

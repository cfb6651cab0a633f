import { beforeAll, describe, expect, test } from 'vitest';
import { judge, NAMES, type Verdict } from './conformance.ts';
import { anthropicLookAlike, vllmLookAlike } from './targets.ts';

/** Two interpreters, sixty cases each, on a machine that is shared. */
const TIME = 300_000;

describe.each([
  ['a look-alike of vLLM', async () => vllmLookAlike()],
  ['a look-alike of Anthropic', anthropicLookAlike],
])('the official packages for Python and JavaScript, before %s', (_who, startTarget) => {
  let verdicts: Verdict[] = [];

  beforeAll(async () => {
    verdicts = await judge(await startTarget());
  }, TIME);

  test.each(NAMES)('%s', (name) => {
    expect(verdicts.find((verdict) => verdict.name === name)).toMatchObject({ wrong: [] });
  });
});

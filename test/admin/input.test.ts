import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseInput } from '../../src/admin/input.ts';
import { launchBody, launchBodyWithin } from '../../src/admin/schema.ts';
import { type InputProblem, Problem } from '../../src/domain/problem.ts';
import { findRefusedVllmArg } from '../../src/domain/vllm-args.ts';

const parse = (given: unknown) =>
  parseInput({ body: { schema: launchBodyWithin({ budgetUsdMax: 2 }), given } }).body;

function problemsOf(given: unknown): readonly InputProblem[] {
  try {
    parse(given);
  } catch (error) {
    if (error instanceof Problem && error.kind === 'invalid') return error.problems;
    throw error;
  }
  return [];
}

test('an empty launch is the default session with the documented defaults', () => {
  expect(parse({})).toEqual({
    session: 'default',
    auto_switch: true,
    max_lifetime_minutes: 1_440,
    hedge: 1,
    replace: false,
    num_gpus: 1,
    vllm_args: [],
    interruptible: false,
    countries: [],
    not_countries: [],
    datacenter_only: false,
    verified_only: true,
    min_reliability: 0.95,
    machines: [],
    not_machines: [],
  });
});

test('everything a launch may say is taken', () => {
  const body = {
    keep_alive_minutes: 0.05,
    auto_switch: false,
    session: 'night-shift',
    model: 'org/model',
    budget_usd: 2,
    max_lifetime_minutes: 10_080,
    hedge: 3,
    replace: true,
    tiers: [
      { name: 'A40', gpu_names: ['A40'], vram_gb: 48, usd_per_hour_max: 0.5, priority: 1, use_case: 'Chat' },
    ],
    num_gpus: 16,
    gpu_ram_gib: 20,
    disk_gb: 80,
    image: 'vllm/vllm-openai:v0.16.0',
    vllm_args: ['--max-model-len', '8192'],
    interruptible: true,
    max_bid_usd_per_hour: 0.2,
    max_usd_per_hour: 0.6,
    countries: ['DE', 'se'],
    not_countries: ['US'],
    datacenter_only: true,
    verified_only: false,
    min_reliability: 0.5,
    machines: [12],
    not_machines: [13, 14],
  };
  expect(parse(body)).toEqual(body);
});

test.each([
  ['keep_alive_minutes', { keep_alive_minutes: 0 }],
  ['keep_alive_minutes', { keep_alive_minutes: '45' }],
  ['keep_alive_minutes', JSON.parse('{"keep_alive_minutes": 1e999}')],
  ['keep_alive_minutes', { keep_alive_minutes: Number.NaN }],
  ['keep_alive_minutes', { keep_alive_minutes: 61, max_lifetime_minutes: 60 }],
  ['keep_alive_minutes', { keep_alive_minutes: 1_441 }],
  ['max_lifetime_minutes', { max_lifetime_minutes: 10_081 }],
  ['max_lifetime_minutes', { max_lifetime_minutes: -1 }],
  ['auto_switch', { auto_switch: 'yes' }],
  ['session', { session: 'Night.Shift' }],
  ['session', { session: `a${'b'.repeat(40)}` }],
  ['model', { model: '' }],
  ['model', { model: 'two words' }],
  ['budget_usd', { budget_usd: 2.01 }],
  ['budget_usd', { budget_usd: 0 }],
  ['hedge', { hedge: 4 }],
  ['hedge', { hedge: 1.5 }],
  ['num_gpus', { num_gpus: 17 }],
  ['num_gpus', { num_gpus: 0 }],
  ['gpu_ram_gib', { gpu_ram_gib: -20 }],
  ['disk_gb', { disk_gb: null }],
  ['image', { image: 'an image' }],
  ['vllm_args', { vllm_args: '--max-model-len 8192' }],
  ['vllm_args[1]', { vllm_args: ['--seed', 1] }],
  ['max_bid_usd_per_hour', { max_bid_usd_per_hour: 0.2 }],
  ['max_bid_usd_per_hour', { max_bid_usd_per_hour: 0.2, interruptible: false }],
  ['max_usd_per_hour', { max_usd_per_hour: 0 }],
  ['countries[0]', { countries: ['DEU'] }],
  ['min_reliability', { min_reliability: 95 }],
  ['machines[0]', { machines: ['12'] }],
  ['not_machines[0]', { not_machines: [0] }],
  ['tiers', { tiers: [] }],
  ['tiers[0].gpu_names', { tiers: [{ name: 'A40', vram_gb: 48, usd_per_hour_max: 0.5, priority: 1 }] }],
  ['keep_alive', { keep_alive: 45 }],
  ['body', null],
  ['body', []],
  ['body', 'launch'],
])('a wrong %s is refused by its name: %j', (field, given) => {
  expect(problemsOf(given).map((problem) => problem.field)).toEqual([field]);
});

test('a wrong input says all its problems at once, with what was given and what is allowed', () => {
  const given = {
    hedge: 9.5,
    machines: [1.5],
    vllm_args: ['--api-key=x'],
    keep_alive_minutes: 2_000,
    budget_usd: 99,
    max_bid_usd_per_hour: 1,
    hurry: true,
  };
  const problems = problemsOf(given);
  expect(problems).toHaveLength(7);
  expect(problems).toEqual(
    expect.arrayContaining([
      { field: 'hedge', given: 9.5, allowed: 'a whole number from 1 to 3' },
      { field: 'machines[0]', given: 1.5, allowed: expect.stringContaining('machine id') },
      { field: 'vllm_args[0]', given: '--api-key=x', allowed: expect.stringContaining('--api-key') },
      { field: 'keep_alive_minutes', given: 2_000, allowed: 'at most max_lifetime_minutes' },
      {
        field: 'budget_usd',
        given: 99,
        allowed: expect.stringMatching(/at most 2 USD.*VASTAI_SESSION_BUDGET_LIMIT/),
      },
      { field: 'max_bid_usd_per_hour', given: 1, allowed: expect.stringContaining('interruptible') },
      { field: 'hurry', given: true, allowed: expect.stringContaining('no such field') },
    ]),
  );
});

test('what was given is said back shortened when it is long', () => {
  const [problem] = problemsOf({ session: 'X'.repeat(10_000) });
  expect(String(problem?.given).length).toBeLessThan(300);
});

test.each([
  '--api-key',
  '--api-key=sk-1',
  '--api_key',
  '--API-KEY',
  '--api',
  '--host=0.0.0.0',
  '--host 0.0.0.0',
  ' --port',
  '--por',
  '--ssl-keyfile',
  '--ssl_certfile=/x',
  '--ssl',
  '--ssl-ca-certs',
  '--served-model-name',
  '--served_model_name=x',
  '--served',
  '--root-path',
  '--middleware',
  '--middleware.0',
])('the vLLM argument %j is refused', (arg) => {
  expect(findRefusedVllmArg(arg)).not.toBeNull();
  expect(problemsOf({ vllm_args: [arg] })).toHaveLength(1);
});

test.each([
  '--max-model-len',
  '8192',
  '--quantization=awq',
  '--api-server-count=1',
  '--pipeline-parallel-size',
  '--seed',
  '-tp',
  'host',
  '/models/--host',
  '',
  '--',
])('the vLLM argument %j is taken', (arg) => {
  expect(problemsOf({ vllm_args: [arg] })).toEqual([]);
});

test('whatever is sent is either taken or refused with what is wrong about it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(launchBody.shape)), (value, field) => {
      for (const given of [value, { [field]: value }]) problemsOf(given);
    }),
    { numRuns: 500 },
  );
});

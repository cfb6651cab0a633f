import { expect, test } from 'vitest';
import { BREAKER_RULES, Breaker } from '../../src/gateway/breaker.ts';

const RULES = { ...BREAKER_RULES, failuresInRow: 3, restMs: 1_000, restMsMax: 4_000 };

function failing(times: number, nowMs = 0): Breaker {
  const breaker = new Breaker(RULES);
  for (let time = 0; time < times; time += 1) breaker.fail(breaker.begin(), nowMs);
  return breaker;
}

test('it opens at the third failure in a row, and a success between starts the count anew', () => {
  expect(failing(2).state(0)).toBe('closed');
  expect(failing(3).state(0)).toBe('open');
  const breaker = failing(2);
  breaker.succeed(breaker.begin());
  breaker.fail(breaker.begin(), 0);
  expect(breaker.state(0)).toBe('closed');
});

test('it opens when half of the newest twenty fail, though never three in a row', () => {
  const breaker = new Breaker(RULES);
  let requests = 0;
  while (breaker.state(0) === 'closed' && requests < 40) {
    if (requests % 2 === 0) breaker.fail(breaker.begin(), 0);
    else breaker.succeed(breaker.begin());
    requests += 1;
  }
  expect(breaker.state(0)).toBe('open');
  expect(requests).toBeGreaterThanOrEqual(10);
});

test('a few old failures among many successes do not open it', () => {
  const breaker = new Breaker(RULES);
  for (let request = 0; request < 200; request += 1) {
    if (request % 4 === 0) breaker.fail(breaker.begin(), 0);
    else breaker.succeed(breaker.begin());
  }
  expect(breaker.state(0)).toBe('closed');
});

test('when it has rested it lets one request through, and no other until that has told', () => {
  const breaker = failing(3);
  expect(breaker.allows(999)).toBe(false);
  expect([breaker.allows(1_000), breaker.state(1_000)]).toEqual([true, 'half-open']);
  const probe = breaker.begin();
  expect(breaker.allows(1_000)).toBe(false);
  breaker.succeed(probe);
  expect([breaker.allows(1_000), breaker.state(1_000)]).toEqual([true, 'closed']);
});

test('each probe that fails doubles the rest, up to a bound; a success forgets them', () => {
  const breaker = failing(3);
  const rests = [];
  let nowMs = 0;
  for (let probe = 0; probe < 4; probe += 1) {
    nowMs = breaker.openUntilMs;
    breaker.fail(breaker.begin(), nowMs);
    rests.push(breaker.openUntilMs - nowMs);
  }
  expect(rests).toEqual([2_000, 4_000, 4_000, 4_000]);
  breaker.succeed(breaker.begin());
  for (let time = 0; time < 3; time += 1) breaker.fail(breaker.begin(), nowMs);
  expect(breaker.openUntilMs - nowMs).toBe(1_000);
});

test('a probe whose caller went away leaves the next request to be the probe', () => {
  const breaker = failing(3);
  breaker.release(breaker.begin());
  expect(breaker.allows(1_000)).toBe(true);
});

test('requests that were under way when it opened neither close it nor lengthen its rest', () => {
  const breaker = new Breaker(RULES);
  const old = Array.from({ length: 10 }, () => breaker.begin());
  for (const ticket of old.slice(0, 8)) breaker.fail(ticket, 0);
  expect(breaker.openUntilMs).toBe(1_000);
  for (const ticket of old.slice(8)) breaker.succeed(ticket);
  expect(breaker.state(0)).toBe('open');
});

test('a rest that was asked for is kept by everybody, one of ours gives way where nothing else is left', () => {
  expect(failing(3).allowsLast(0)).toBe(true);
  const breaker = new Breaker(RULES);
  breaker.restFor(30_000, 0);
  expect([breaker.allows(29_999), breaker.allowsLast(29_999)]).toEqual([false, false]);
  expect([breaker.allows(30_000), breaker.allowsLast(30_000)]).toEqual([true, true]);
});

import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { expectedWaitSeconds, SerialQueue, type Turn } from '../../src/pyworker/queue.ts';

describe('the line before a model that does one thing at a time', () => {
  /** Who has begun, and their turns. */
  function line() {
    const queue = new SerialQueue();
    const begun: string[] = [];
    const overdue: string[] = [];
    const turns = new Map<string, Turn>();
    const enter = (name: string, maxWaitMs: number | null = null) =>
      queue.enter({
        begin: (turn) => {
          begun.push(name);
          turns.set(name, turn);
        },
        overdue: () => overdue.push(name),
        maxWaitMs,
      });
    return { queue, begun, overdue, enter, end: (name: string) => turns.get(name)?.end() };
  }

  test('has one at a time, in the order in which they came', () => {
    const { begun, enter, end, queue } = line();
    for (const name of ['a', 'b', 'c']) enter(name);
    expect(begun).toEqual(['a']);
    expect(queue.length).toBe(2);
    end('a');
    end('a');
    expect(begun).toEqual(['a', 'b']);
    end('b');
    expect(begun).toEqual(['a', 'b', 'c']);
    end('c');
    enter('d');
    expect(begun.at(-1)).toBe('d');
  });

  test('passes over who has left', () => {
    const { begun, enter, end } = line();
    enter('a');
    const leave = enter('b');
    enter('c');
    leave();
    end('a');
    expect(begun).toEqual(['a', 'c']);
  });

  test('sends away who has waited for as long as may be, and nobody who has begun', async () => {
    const { begun, overdue, enter, end } = line();
    enter('a', 20);
    enter('b', 20);
    enter('c', 10_000);
    while (overdue.length === 0) await pause(5);
    end('a');
    expect({ begun, overdue }).toEqual({ begun: ['a', 'c'], overdue: ['b'] });
    end('c');
  });
});

test('before the model was measured nobody is expected to be served in time', () => {
  expect(expectedWaitSeconds(0, 0)).toBe(0);
  expect(expectedWaitSeconds(1, 0)).toBeGreaterThan(3_600);
  expect(expectedWaitSeconds(500, 250)).toBe(2);
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Load, type Outcome, type Retired } from '../../src/pyworker/load.ts';

function counted() {
  const retired: Retired[] = [];
  const clock = { ms: 1_000_000 };
  const load = new Load({ nowMs: () => clock.ms, onRetired: (one) => retired.push(one) });
  return { load, retired, clock };
}

describe('the load that the engine is told', () => {
  test('is in hand from a request’s coming to its end, and new and done once', () => {
    const { load, retired, clock } = counted();
    const work = load.accept({ requestIdx: 81, workload: 200 });
    expect(load.told).toMatchObject({
      curLoad: 200,
      newLoad: 200,
      curPerf: 0,
      working: 1,
      workingIdxs: [81],
    });
    clock.ms += 500;
    work.start();
    clock.ms += 1_500;
    work.end('Success');
    work.end('Error');
    expect(load.told).toMatchObject({ curLoad: 0, newLoad: 200, curPerf: 200, working: 0, received: 1 });
    expect(retired).toEqual([
      {
        ...{ requestIdx: 81, outcome: 'Success' },
        ...{ enteredQueueAtSec: 1_000, workStartedAtSec: 1_000.5, workCompletedAtSec: 1_002 },
      },
    ]);
  });

  test.each<[Outcome, object]>([
    ['Error', { newLoad: 10, curPerf: 0, rejLoad: 0 }],
    ['Cancelled', { newLoad: 0, curPerf: 0, rejLoad: 0 }],
    ['Rejected', { newLoad: 0, curPerf: 0, rejLoad: 10 }],
  ])('of a request that ends as %s', (outcome, told) => {
    const { load } = counted();
    load.accept({ requestIdx: 1, workload: 10 }).end(outcome);
    expect(load.told).toMatchObject({ ...told, curLoad: 0 });
  });

  test('counts a session as its cost until it is closed, and its requests only as new and done', () => {
    const { load, retired } = counted();
    const session = load.openSession({ requestIdx: 5, cost: 70 });
    load.accept({ requestIdx: 5, workload: 9, isInSession: true }).end('Success');
    expect(load.told).toMatchObject({ curLoad: 70, newLoad: 79, curPerf: 9, received: 1, workingIdxs: [5] });
    expect(load.inHand).toBe(0);
    session.close();
    session.close();
    expect(load.told).toMatchObject({ curLoad: 0, curPerf: 79 });
    expect(retired).toMatchObject([{ requestIdx: 5, outcome: 'Success' }]);
  });

  test('what came while a report was under way is told by the next one', () => {
    const { load } = counted();
    load.accept({ requestIdx: 1, workload: 3 });
    const { told } = load;
    load.accept({ requestIdx: 2, workload: 4 });
    load.delivered(told);
    expect(load.told).toMatchObject({ newLoad: 4, curLoad: 7 });
  });

  test('a request that was told as new and then left takes nothing off the next ones', () => {
    const { load } = counted();
    const left = load.accept({ requestIdx: 1, workload: 100 });
    load.delivered(load.told);
    load.accept({ requestIdx: 2, workload: 4 });
    left.end('Cancelled');
    expect(load.told.newLoad).toBe(4);
  });

  test('however requests come and end between reports, each is told once and nothing is left over', () => {
    const steps = fc.array(
      fc.record({
        load: fc.integer({ min: 0, max: 1_000 }),
        outcome: fc.constantFrom<Outcome>('Success', 'Error', 'Rejected'),
        isTold: fc.boolean(),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        const { load, retired } = counted();
        const sum = { newLoad: 0, curPerf: 0, rejLoad: 0 };
        const tell = () => {
          const { told } = load;
          sum.newLoad += told.newLoad;
          sum.curPerf += told.curPerf;
          sum.rejLoad += told.rejLoad;
          load.delivered(told);
        };
        for (const [index, { load: workload, outcome, isTold }] of all.entries()) {
          const work = load.accept({ requestIdx: index, workload });
          if (isTold) tell();
          work.end(outcome);
        }
        tell();
        const done = all.filter(({ outcome }) => outcome === 'Success');
        expect(sum.curPerf).toBe(done.reduce((total, { load: workload }) => total + workload, 0));
        expect(retired).toHaveLength(all.length);
        expect(load.told).toMatchObject({ curLoad: 0, newLoad: 0, curPerf: 0, rejLoad: 0, working: 0 });
      }),
    );
  });
});

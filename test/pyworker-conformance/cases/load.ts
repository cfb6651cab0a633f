import { asks, type Case } from '../case.ts';
import { answered, type Side } from '../side.ts';

/** A request that the model keeps until it is released by this tag. */
const held = (tag: string, more: Record<string, unknown> = {}) =>
  answered({ body: '{}', hold: 'head', tag }, more);

/** Requests one after another, each there before the next is sent. */
async function startInTurn(side: Side, route: string, tags: readonly string[]) {
  const started = [];
  for (const tag of tags) {
    started.push(side.start(route, held(tag)));
    await reached(side);
  }
  return started;
}

/** Waits until the worker has taken what was sent before: it answers in the order in which requests come. */
async function reached(side: Side): Promise<void> {
  for (let trip = 0; trip < 3; trip++)
    await side.ask('/nothing', { bytes: 'GET /nothing HTTP/1.1\r\nhost: worker\r\n\r\n' });
}

/** How much is in hand, who waits for whom, and who is sent away. */
export const LOAD_CASES: Case[] = [
  {
    name: 'a parallel route has three at the model at once',
    run: async (side) => {
      const started = [1, 2, 3].map(() => side.start('/parallel', held('parallel')));
      await side.model.arrived('parallel', 3);
      side.model.release('parallel');
      return (await Promise.all(started.map(({ answer }) => answer))).map((each) => side.show(each));
    },
  },
  {
    name: 'a serial route has one at the model, and keeps the order',
    run: async (side) => {
      const started = await startInTurn(side, '/serial', ['first', 'second', 'third']);
      await side.model.arrived('first');
      const atOnce = side.model.requests.filter(({ isAnswered }) => !isAnswered).length;
      const answers = [];
      for (const [index, tag] of ['first', 'second', 'third'].entries()) {
        await side.model.arrived(tag);
        side.model.release(tag);
        answers.push(side.show((await started[index]?.answer) ?? null));
      }
      return { atOnce, answers };
    },
  },
  {
    name: 'two serial routes share one queue',
    run: async (side) => {
      const first = side.start('/serial', held('one'));
      await side.model.arrived('one');
      const second = side.start('/serial-too', held('two'));
      await reached(side);
      const atOnce = side.model.requests.filter(({ isAnswered }) => !isAnswered).length;
      side.model.release('one');
      await side.model.arrived('two');
      side.model.release('two');
      return { atOnce, answers: [side.show(await first.answer), side.show(await second.answer)] };
    },
  },
  {
    name: 'a parallel route goes past the queue',
    run: async (side) => {
      const first = side.start('/serial', held('queue'));
      await side.model.arrived('queue');
      const past = await side.ask('/parallel');
      side.model.release('queue');
      return [past, side.show(await first.answer)];
    },
  },
  {
    name: 'more load in hand than a route allows: 429',
    run: async (side) => {
      const first = side.start('/limited', held('heavy', { workload: 1_500 }));
      await side.model.arrived('heavy');
      const refused = await side.ask('/limited', { payload: { workload: 70 } });
      side.model.release('heavy');
      return [refused, side.show(await first.answer)];
    },
  },
  {
    name: 'as much load in hand as a route allows: let in',
    run: async (side) => {
      const first = side.start('/limited', held('exact', { workload: 1_000 }));
      await side.model.arrived('exact');
      const second = await side.ask('/limited', { payload: { workload: 5_000 } });
      side.model.release('exact');
      return [second, side.show(await first.answer)];
    },
  },
  {
    name: 'load in hand on another route counts: 429',
    run: async (side) => {
      const first = side.start('/parallel', held('elsewhere', { workload: 1_500 }));
      await side.model.arrived('elsewhere');
      const [refused, unlimited] = [await side.ask('/limited'), await side.ask('/parallel')];
      side.model.release('elsewhere');
      return [refused, unlimited, side.show(await first.answer)];
    },
  },
  {
    name: 'load that waits in the queue counts: 429',
    run: async (side) => {
      const running = side.start('/serial', held('runs', { workload: 600 }));
      await side.model.arrived('runs');
      const waiting = side.start('/serial', held('waits', { workload: 600 }));
      await reached(side);
      const refused = await side.ask('/limited');
      side.model.release('runs');
      side.model.release('waits');
      return [refused, side.show(await running.answer), side.show(await waiting.answer)];
    },
  },
  {
    name: 'who waits longer than the route allows',
    run: async (side) => {
      const running = side.start('/serial', held('long', { workload: 100 }));
      await side.model.arrived('long');
      const waiting = side.start('/serial-limited', { payload: { workload: 100 } });
      // Longer than the second that the route allows; whoever is refused has its answer by then.
      await Promise.race([waiting.answer, later(2_000)]);
      side.model.release('long');
      return [side.show(await waiting.answer), side.show(await running.answer)];
    },
  },
  {
    name: 'a bad signature does not wait in the queue',
    run: async (side) => {
      const running = side.start('/serial', held('signed'));
      await side.model.arrived('signed');
      const refused = await side.ask('/serial', { auth: { signature: 'no' } });
      side.model.release('signed');
      return [refused, side.show(await running.answer)];
    },
  },
  {
    name: 'two requests at once with one request number',
    run: async (side) => {
      const started = [1, 2].map(() =>
        side.start('/parallel', { ...held('twins'), auth: { reqnum: 5_000_000 } }),
      );
      await side.model.arrived('twins', 2);
      side.model.release('twins');
      return (await Promise.all(started.map(({ answer }) => answer))).map((each) => side.show(each));
    },
  },
  {
    name: 'a hundred and twenty at once all get their answer',
    run: async (side) => {
      // Of no load: the official worker loses some of it when so much is under way while it reports.
      const call = { auth: { reqnum: 6_000_000 }, payload: { workload: 0 } };
      const started = Array.from({ length: 120 }, () => side.start('/parallel', call));
      const answers = await Promise.all(started.map(({ answer }) => answer));
      return new Set(answers.map((answer) => answer?.status)).size === 1
        ? answers[0]?.status
        : 'not the same';
    },
  },
  {
    name: 'a caller that leaves while the model works',
    run: async (side) => {
      const started = side.start('/parallel', held('left'));
      await side.model.arrived('left');
      started.leave();
      return started.answer;
    },
  },
  {
    name: 'a caller of a serial route that leaves while the model works: the next one runs',
    run: async (side) => {
      const first = side.start('/serial', held('left first'));
      await side.model.arrived('left first');
      const second = side.start('/serial', held('left next'));
      await reached(side);
      first.leave();
      await side.model.arrived('left next');
      side.model.release('left next');
      return side.show(await second.answer);
    },
  },
  {
    name: 'a caller that leaves the queue never reaches the model',
    run: async (side) => {
      const first = side.start('/serial', held('stays'));
      await side.model.arrived('stays');
      const second = side.start('/serial', held('goes'));
      await reached(side);
      second.leave();
      await reached(side);
      const third = side.start('/serial', held('follows'));
      await reached(side);
      side.model.release('stays');
      await side.model.arrived('follows');
      side.model.release('follows');
      return [side.show(await first.answer), side.show(await third.answer)];
    },
  },
  {
    name: 'a caller that leaves in the middle of a stream',
    run: async (side) => {
      const headers = { 'content-type': 'text/event-stream' };
      const chunks = ['data: 1\n\n', 'data: 2\n\n'];
      const started = side.start('/parallel', answered({ headers, chunks, hold: 1, tag: 'mid' }));
      await started.received('data: 1');
      started.leave();
    },
  },
  {
    name: 'a caller that leaves before its body is whole',
    run: async (side) => {
      const started = side.start('/parallel', {
        bytes: 'POST /parallel HTTP/1.1\r\nhost: worker\r\ncontent-length: 1000\r\n\r\n{"auth_data": ',
      });
      await reached(side);
      started.leave();
    },
  },
  asks('loading: a request is passed on', '/parallel', {}, 'loading'),
  asks('loading: a request with a limit is passed on', '/limited', {}, 'loading'),
  {
    name: 'loading: a request with a limit beside another is refused',
    on: 'loading',
    run: async (side) => {
      const first = side.start('/parallel', held('beside'));
      await side.model.arrived('beside');
      const refused = await side.ask('/limited');
      side.model.release('beside');
      return [refused, side.show(await first.answer)];
    },
  },
];

function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

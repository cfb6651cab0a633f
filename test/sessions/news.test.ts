import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { SessionSummary } from '../../src/client.ts';
import { idleView, type SessionView } from '../../src/domain/session.ts';
import { type News, NewsDesk } from '../../src/sessions/news.ts';
import { eventually } from '../support/eventually.ts';

test('a newcomer is told of each of 200 open sessions, ten of them asked at once', async () => {
  await using world = openWorld(200);
  const told = world.listen();
  await eventually('all are told', () => told.sessions().size === 200, 10_000);
  expect(world.mostAtOnce()).toBeGreaterThan(1);
  expect(world.mostAtOnce()).toBeLessThanOrEqual(10);

  const second = world.listen();
  expect(second.sessions().size).toBe(200);
});

test('a session that changed is told before those whose turn it is', async () => {
  await using world = openWorld(200);
  const told = world.listen();
  await eventually('all are told', () => told.sessions().size === 200, 10_000);
  const asked = world.asked.length;
  world.change('s199', { state: 'READY' });
  await eventually('it is told', () => told.views().some((view) => view.state === 'READY'));
  expect(world.asked.slice(asked).indexOf('s199')).toBeLessThan(40);
});

test('a view is told when anything in it changed, and not for a meter that runs', async () => {
  await using world = openWorld(1);
  const told = world.listen();
  await eventually('it is told', () => told.views().length === 1);
  world.change('s0', { budget: { ...idleView('s0').budget, spentUsd: 0.000001 } });
  await world.looks(2);
  expect(told.views()).toHaveLength(1);
  world.change('s0', { health: { consecutiveFailures: 1, lastOkAtMs: 5 } });
  await eventually('its health is told', () => told.views().at(-1)?.health.consecutiveFailures === 1);
  world.change('s0', { budget: { ...idleView('s0').budget, spentUsd: 0.01 } });
  await eventually('its cost is told', () => told.views().at(-1)?.budget.spentUsd === 0.01);
});

test('whoever comes back is told the newest of what it missed, and no more', async () => {
  await using world = openWorld(3);
  const stays = world.listen();
  await eventually('all are told', () => stays.sessions().size === 3);
  const lastId = stays.news.at(-1)?.id ?? '';
  world.change('s1', { detail: 'first' });
  await eventually('it is told', () => stays.views().at(-1)?.detail === 'first');
  world.change('s1', { detail: 'second' });
  await eventually('it is told again', () => stays.views().at(-1)?.detail === 'second');
  const back = world.listen(lastId);
  expect(back.views().map(({ session, detail }) => [session, detail])).toEqual([['s1', 'second']]);
  expect(back.news.map(({ id }) => id)).toEqual([...back.news.map(({ id }) => id)].sort(bySequence));
});

test('whoever heard a part of what is open, and comes back, hears all of it again', async () => {
  await using world = openWorld(20);
  const stays = world.listen();
  await eventually('all are told', () => stays.sessions().size === 20);
  const newcomer = world.listen();
  const back = world.listen(newcomer.news[3]?.id ?? null);
  expect(back.sessions().size).toBe(20);
});

test.each(['of-another-server', 'no id', '', '9-9-9'])(
  'whoever comes back with %j is told everything',
  async (lastId) => {
    await using world = openWorld(3);
    const stays = world.listen();
    await eventually('all are told', () => stays.sessions().size === 3);
    expect(world.listen(lastId).sessions().size).toBe(3);
  },
);

test('a session that cannot be read keeps no other one from being told, and is told later', async () => {
  await using world = openWorld(20);
  world.unreadable.add('s0');
  const told = world.listen();
  await eventually('the others are told', () => told.sessions().size === 19);
  world.unreadable.clear();
  await eventually('it is told', () => told.sessions().has('s0'));
  expect(world.log.filter((line) => line.includes('cannot look for news'))).toHaveLength(1);
});

test('one that ended while nobody listened is told when somebody does', async () => {
  await using world = openWorld(2);
  const first = world.listen();
  await eventually('all are told', () => first.sessions().size === 2);
  first.leave();
  await world.rests();
  world.end('s1');
  const second = world.listen();
  await eventually('its end is told', () =>
    second.views().some(({ session, state }) => session === 's1' && state === 'IDLE'),
  );
});

/** Sessions s0, s1, … as Temporal would tell of them. */
function openWorld(count: number) {
  const views = new Map<string, SessionView>(
    Array.from({ length: count }, (_, at) => [
      `s${at}`,
      { ...idleView(`s${at}`), state: 'BOOTING', run: 'r' },
    ]),
  );
  const asked: string[] = [];
  const unreadable = new Set<string>();
  const log: string[] = [];
  let [atOnce, mostAtOnce, looks] = [0, 0, 0];
  const desk = new NewsDesk(
    {
      list: async () => {
        looks += 1;
        return { items: [...views.values()].filter(({ state }) => state !== 'IDLE').map(summaryOf) };
      },
      status: async (session) => {
        asked.push(session);
        atOnce += 1;
        mostAtOnce = Math.max(mostAtOnce, atOnce);
        await pause(2);
        atOnce -= 1;
        if (unreadable.has(session)) throw new Error('it does not answer');
        return views.get(session) ?? idleView(session);
      },
      budget: async () => ({ limitUsd: 15, spentUsd: 0, reservedUsd: 0 }),
    },
    pino({}, { write: (line) => log.push(line) }),
  );
  const looksMore = (more: number) => {
    const until = looks + more;
    return eventually('it looked again', () => looks >= until);
  };
  return {
    asked,
    unreadable,
    log,
    mostAtOnce: () => mostAtOnce,
    looks: looksMore,
    /** Until it looks no more, because nobody listens. */
    rests: async () => {
      await eventually('it looks no more', async () => {
        const before = looks;
        await pause(1_500);
        return looks === before;
      });
    },
    change: (session: string, change: Partial<SessionView>) =>
      views.set(session, { ...(views.get(session) ?? idleView(session)), ...change }),
    end: (session: string) => views.set(session, idleView(session)),
    listen(lastId: string | null = null) {
      const news: News[] = [];
      const leave = desk.listen((one) => news.push(one), lastId);
      const told = () => news.flatMap((one) => (one.kind === 'session' ? [one.view] : []));
      return { news, leave, views: told, sessions: () => new Set(told().map(({ session }) => session)) };
    },
    [Symbol.asyncDispose]: () => desk.stop(),
  };
}

function summaryOf({ session, run, state }: SessionView): SessionSummary {
  return {
    ...{ session, run, state, outcome: null, gpu: null, instanceId: null, usdPerHour: null },
    ...{ startedAtMs: 0, endedAtMs: null },
  };
}

function bySequence(one: string, other: string): number {
  return Number(one.split('-')[1]) - Number(other.split('-')[1]);
}

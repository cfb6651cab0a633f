import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Import, importsOf, importsUnder, sourcesUnder } from './support/import-graph.ts';

/** What a workflow and its callers both speak: the messages it takes, the ids it goes by. */
const WORKFLOW_WORDS = ['src/workflows/messages.ts', 'src/workflows/ids.ts'];
/** What the admin API takes and answers. */
const ADMIN_SCHEMA = ['src/admin/schema.ts', 'src/admin/answers.ts'];
const SETTINGS = ['src/config.ts', 'src/installation.ts'];
const TOKENS = 'src/access-tokens.ts';

/** Rooms of several files without a directory. Others see only the first of each. */
const CLIENT = ['src/client.ts', 'src/sessions/'];
const WORKER = [
  'src/worker.ts',
  'src/vast-key.ts',
  'src/ledger-opening.ts',
  'src/schedules.ts',
  'src/worker-probes.ts',
];

/**
 * Which rooms there are, and what of ours each may import besides itself. A name that ends in `/` is a
 * directory; `type` before one lets types through and no values. The first row that fits a file is its own.
 */
const ROOMS: [room: string, mayImport: string[]][] = [
  ['src/domain/', []],
  ['src/vast/', ['src/domain/']],
  ['src/vllm/', ['src/domain/']],
  ['src/notifications/', ['src/domain/']],
  // Composed by worker and server; who works with it is handed it.
  ['src/archive/', ['src/domain/']],
  [
    'src/activities/',
    [
      ...['src/domain/', 'src/vast/', 'src/vllm/', 'src/notifications/', 'src/process-metrics.ts'],
      ...WORKFLOW_WORDS,
      ...['type src/installation.ts', 'type src/certificates.ts', 'type src/archive/'],
    ],
  ],
  ['src/workflows/', ['src/domain/', 'type src/activities/']],
  ['src/temporal/', ['scripts/find-temporal.mjs', 'src/secret-files.ts']],
  ...CLIENT.map((file): [string, string[]] => [
    file,
    [
      ...[...CLIENT, ...WORKFLOW_WORDS, 'type src/workflows/', 'src/domain/', 'src/temporal/'],
      'type src/archive/',
      ...SETTINGS.map((settings) => `type ${settings}`),
    ],
  ]),
  // Its callers hold the same tokens and cookies as those of the admin API.
  ['src/codec-server/', ['src/admin/', 'src/domain/', 'src/temporal/']],
  // What it shows of the gateway it is handed.
  [
    'src/admin/',
    [
      ...['src/client.ts', 'src/domain/', 'src/process-metrics.ts'],
      ...['type src/gateway/', 'type src/archive/access-log.ts', `type ${TOKENS}`, ...SETTINGS],
    ],
  ],
  [
    'src/gateway/',
    [
      ...['src/client.ts', 'src/domain/', 'src/home-file.ts', 'src/archive/database.ts'],
      ...['type src/certificates.ts', ...SETTINGS],
    ],
  ],
  ...WORKER.map((file): [string, string[]] => [
    file,
    [
      ...['src/activities/', 'src/workflows/', 'src/vast/', 'src/vllm/', 'src/domain/', 'src/temporal/'],
      ...[
        ...WORKER,
        'src/tracing/tracing.ts',
        'src/archive/',
        'src/client.ts',
        'src/certificates.ts',
        'src/logging.ts',
        TOKENS,
        ...SETTINGS,
      ],
    ],
  ]),
  [
    'src/server.ts',
    [
      'src/admin/',
      'src/archive/',
      'src/gateway/',
      'src/certificates.ts',
      'src/client.ts',
      'src/codec-server/',
      'src/domain/',
      'src/temporal/',
      'src/tracing/tracing.ts',
      'src/logging.ts',
      'src/stalled-readers.ts',
      TOKENS,
      ...SETTINGS,
    ],
  ],
  ['src/temporal-setup.ts', ['src/temporal/', ...SETTINGS]],
  // Handed to what it traces; only processes compose it.
  ['src/tracing/', ['type src/config.ts', 'type src/gateway/', 'type src/vast/']],
  // Two readings of one API, so that a misreading shows; and an SDK that is published on its own.
  ['src/simulator/', []],
  ['src/pyworker/', []],
  ['src/dashboard/', ADMIN_SCHEMA],
  // Commands that compose processes import what runs in them. Every other one speaks HTTP.
  ...[
    'up',
    'setup',
    'simulate',
    'doctor',
    'pyworker',
    'reap',
    'adopt',
    'own-account',
    'demo',
    'demo-vllm',
    'compose',
  ].flatMap((command) => [composing(`src/cli/${command}.ts`), composing(`src/cli/${command}/`)]),
  ['src/cli/main.ts', ['src/cli/', 'src/simulator/', ...ADMIN_SCHEMA, ...SETTINGS]],
  ['src/cli/', [...ADMIN_SCHEMA, ...SETTINGS, 'src/secret-files.ts']],
  ['src/config.ts', ['src/gateway-settings.ts', 'src/secret-files.ts']],
  ['src/secret-files.ts', []],
  ['src/gateway-settings.ts', []],
  ['src/installation.ts', ['src/home-file.ts', TOKENS]],
  [TOKENS, []],
  ['src/home-file.ts', []],
  ['src/certificates.ts', ['src/home-file.ts', 'src/domain/']],
  ['src/logging.ts', []],
  ['src/stalled-readers.ts', []],
  ['src/process-metrics.ts', []],
];

/** What code that is replayed may take from outside: it has no I/O, and no zod (ten times the memory). */
const OUTSIDE_OF: Record<string, string[]> = {
  'src/domain/': [],
  'src/workflows/': ['@temporalio/workflow', '@temporalio/common'],
  'src/tracing/workflow-interceptors.ts': ['@temporalio/workflow', '@temporalio/common'],
};

test('every import points the way of the diagram', () => {
  const wrong = importsUnder('src').filter((each) => each.isOurs && !isAllowed(each));
  expect(wrong.map(({ from, to, isType }) => `${from} → ${to}${isType ? ' (type)' : ''}`)).toEqual([]);
});

test('every source file is in a room', () => {
  expect(sourcesUnder('src').filter((file) => !roomOf(file))).toEqual([]);
});

test('code that is replayed takes no values from outside but Temporal’s own', () => {
  const wrong = Object.entries(OUTSIDE_OF).flatMap(([room, allowed]) =>
    importsUnder('src').filter(
      (each) => isIn(each.from, room) && !each.isOurs && !each.isType && !allowed.includes(each.to),
    ),
  );
  expect(wrong.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
});

test('settings depend on nothing but zod and Node', () => {
  const wrong = importsUnder('src').filter(
    ({ from, to, isOurs }) =>
      [...SETTINGS, 'src/gateway-settings.ts'].includes(from) &&
      !isOurs &&
      to !== 'zod' &&
      !to.startsWith('node:'),
  );
  expect(wrong).toEqual([]);
});

test('nothing but tracing takes values from OpenTelemetry, and it is loaded only where it is wanted', () => {
  const isTracers = (to: string) => to.includes('opentelemetry');
  const takers = importsUnder('src').filter(({ to, isType }) => isTracers(to) && !isType);
  expect(takers.filter(({ from }) => !from.startsWith('src/tracing/'))).toEqual([]);
  const loaders = importsUnder('src/tracing/').filter(({ to }) => to === 'src/tracing/opentelemetry.ts');
  expect(loaders.map(({ from }) => from)).toEqual(['src/tracing/tracing.ts']);
});

test('no file is a drawer for what has no place', () => {
  const drawers = [...sourcesUnder('src'), ...sourcesUnder('test')].filter((file) =>
    /^(?:utils?|helpers?|common|misc|shared)\b/.test(basename(file)),
  );
  expect(drawers).toEqual([]);
});

describe('the rules themselves', () => {
  test.each([
    ['src/domain/budget.ts', "import { x } from '../vast/client.ts';"],
    ['src/vast/client.ts', "import type { X } from '../simulator/market.ts';"],
    ['src/simulator/market.ts', "export { x } from '../domain/offer.ts';"],
    ['src/workflows/gpu-session.ts', "import { create } from '../activities/index.ts';"],
    ['src/workflows/gpu-session.ts', "import {\n  create,\n  type X,\n} from '../activities/index.ts';"],
    ['src/activities/reap.ts', "import type { X } from '../workflows/gpu-session.ts';"],
    ['src/client.ts', "import { gpuSession } from './workflows/gpu-session.ts';"],
    ['src/admin/app.ts', "const x = await import('../temporal/connection.ts');"],
    ['src/gateway/app.ts', "import '../admin/app.ts';"],
    ['src/cli/launch.ts', "import { x } from '../worker.ts';"],
    ['src/temporal/bundle.ts', "type X = import('../domain/offer.ts').Offer;"],
    ['src/domain/budget.ts', "import { x } from '../../test/support/builders.ts';"],
  ])('refused in %s: %s', (file, line) => {
    expect(importsOf(file, line)).toMatchObject([{ isOurs: true }]);
    expect(importsOf(file, line).filter(isAllowed)).toEqual([]);
  });

  test.each([
    ['src/workflows/gpu-session.ts', "import type { Activities } from '../activities/index.ts';"],
    ['src/workflows/gpu-session.ts', "import { type A, type B } from '../activities/index.ts';"],
    ['src/client.ts', "import type { gpuSession } from './workflows/gpu-session.ts';"],
    ['src/vast/client.ts', "import { toOffer } from './wire.ts';"],
    ['src/cli/up.ts', "import { runWorker } from '../worker.ts';"],
    ['src/temporal/bundle.ts', "import { cacheDirectory } from '../../scripts/find-temporal.mjs';"],
  ])('allowed in %s: %s', (file, line) => {
    expect(importsOf(file, line)).toMatchObject([{ isOurs: true }]);
    expect(importsOf(file, line).filter(isAllowed)).toHaveLength(1);
  });

  test('an import told of in a comment is none', () => {
    expect(importsOf('src/a.ts', "// import 'x';\n/**\n * import { y } from 'z';\n */\n")).toEqual([]);
  });
});

function isAllowed({ from, to, isType }: Import): boolean {
  const row = roomOf(from);
  if (!row) return false;
  const [room, mayImport] = row;
  if (isIn(to, room)) return true;
  return mayImport.some((name) => {
    if (!name.startsWith('type ')) return isIn(to, name);
    return isType && isIn(to, name.slice('type '.length));
  });
}

function roomOf(file: string) {
  return ROOMS.find(([room]) => isIn(file, room));
}

function isIn(file: string, room: string): boolean {
  return room.endsWith('/') ? file.startsWith(room) : file === room;
}

function composing(command: string): [string, string[]] {
  return [command, ['src/', 'scripts/find-temporal.mjs']];
}

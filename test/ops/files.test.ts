import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type Panel, readDashboard, readFile, readRules } from './files.ts';

/** Told apart by people who see red and green alike (Okabe and Ito), and greys. */
const COLOURS = [
  '#0072B2',
  '#E69F00',
  '#D55E00',
  '#009E73',
  '#CC79A7',
  '#56B4E9',
  '#F0E442',
  '#7F7F7F',
  '#BBBBBB',
];

describe('alerts', () => {
  const rules = readRules();

  test('each has a name of its own', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });

  test.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s says how bad it is, what is so and what to do',
    (_, rule) => {
      expect(rule.labels.severity).toMatch(/^(critical|warning)$/);
      expect(rule.annotations.summary).toMatch(/^\S.{10,}/);
      expect(rule.annotations.description?.length).toBeGreaterThan(80);
      expect(rule.for ?? '0m').toMatch(/^\d+[mh]$/);
    },
  );

  test.each(rules.map(({ alert, annotations }) => [alert, annotations.runbook ?? '']))(
    '%s leads to a part of the runbook that is there',
    (_, runbook) => {
      const [page = '', anchor = ''] = runbook.split('#');
      const headings = [...readFile(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
        toAnchor(heading),
      );
      expect(headings).toContain(anchor);
    },
  );
});

describe('dashboard', () => {
  const { panels, templating, schemaVersion, uid } = readDashboard();
  const drawn = panels.filter(({ type }) => type !== 'row');

  test('is one that Grafana imports, with the source of data to be chosen', () => {
    expect({ uid, schemaVersion }).toEqual({ uid: 'leash', schemaVersion: 39 });
    expect(templating.list).toContainEqual(
      expect.objectContaining({ name: 'datasource', type: 'datasource' }),
    );
    const sources = drawn.flatMap((panel) => [
      panel.datasource,
      ...(panel.targets ?? []).map((each) => each.datasource),
    ]);
    expect(new Set(sources.map((source) => source?.uid))).toEqual(new Set(['$' + '{datasource}']));
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });

  test.each(drawn.map((panel) => [panel.title, panel] as const))(
    '%s has a unit and says what it shows',
    (_, panel) => {
      expect(panel.fieldConfig?.defaults.unit).toMatch(/^\w+$/);
      expect(panel.description).toMatch(/^\S.{10,}/);
      expect(panel.targets?.length).toBeGreaterThan(0);
    },
  );

  test('no two panels lie on each other, and none leaves the page', () => {
    const overlaps = panels.flatMap((one, at) =>
      panels.slice(at + 1).filter((other) => doOverlap(one, other)),
    );
    expect(overlaps.map(({ title }) => title)).toEqual([]);
    expect(panels.filter(({ gridPos: { x, w } }) => x + w > 24)).toEqual([]);
  });

  test('every colour is one of those that can be told apart', () => {
    const used = readFile('ops/grafana/leash.json').match(/#[0-9a-f]{6}\b/gi) ?? [];
    expect(used.length).toBeGreaterThan(50);
    expect(used.filter((colour) => !COLOURS.includes(colour.toUpperCase()))).toEqual([]);
  });

  test('money stands first', () => {
    expect(panels[0]).toMatchObject({ type: 'row', title: 'Money' });
  });

  test('a legend names only labels that its expression leaves', () => {
    const wrong = drawn.flatMap(({ title, targets = [] }) =>
      targets.flatMap(({ expr, legendFormat }) =>
        [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)]
          .map(([, label = '']) => label)
          .filter((label) => label !== 'instance' && !new RegExp(`by \\([^)]*\\b${label}\\b`).test(expr))
          .map((label) => `${title}: ${label}`),
      ),
    );
    expect(wrong).toEqual([]);
  });
});

test('Prometheus is given the alerts that are here, and Grafana a source of the name it is told of', () => {
  expect(parse(readFile('ops/prometheus/prometheus.yml'))).toMatchObject({ rule_files: ['alerts.yml'] });
  const { datasources } = parse(readFile('ops/grafana/provisioning/datasources/leash.yml')) as {
    datasources: { type: string }[];
  };
  expect(datasources.map(({ type }) => type)).toEqual(['prometheus']);
  const { providers } = parse(readFile('ops/grafana/provisioning/dashboards/leash.yml')) as {
    providers: { type: string }[];
  };
  expect(providers.map(({ type }) => type)).toEqual(['file']);
});

function doOverlap({ gridPos: one }: Panel, { gridPos: other }: Panel): boolean {
  const isBeside = one.x + one.w <= other.x || other.x + other.w <= one.x;
  const isBelow = one.y + one.h <= other.y || other.y + other.h <= one.y;
  return !isBeside && !isBelow;
}

/** As GitHub makes anchors of headings. */
function toAnchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');
}

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { PROBLEM_KINDS } from '../../src/domain/problem.ts';
import { OUTCOMES, SESSION_STATES } from '../../src/domain/session.ts';
import { GUARD_BLOCK } from '../../src/vllm/guard-script.ts';
import { destroySignal, extendSignal, SEARCH_ATTRIBUTES, touchSignal } from '../../src/workflows/messages.ts';

/** Pages name commands, files and kinds; each must be one that exists. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = [
  ...pagesIn('.'),
  ...pagesIn('docs'),
  ...pagesIn('docs/decisions'),
  ...pagesIn('docs/tutorials'),
];

describe.each(PAGES)('%s', (page) => {
  const text = read(page);
  const code = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block).join('\n');

  test('links to files and headings that exist', () => {
    const broken = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^https?:/.test(target))
      .filter((target) => !leadsSomewhere(page, target));
    expect(broken).toEqual([]);
  });

  test('names npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...text.matchAll(/\bnpm (?:run ([a-z:]+)|(start|test)\b)/g)].map(
      ([, script, short]) => script ?? short ?? '',
    );
    expect(named.filter((script) => scripts[script] === undefined)).toEqual([]);
  });

  test('names commands of leash that exist', () => {
    const commands = [...read('src/cli/main.ts').matchAll(/(\w+)Command(?:For)?\(/g)].map(([, name]) => name);
    const named = [...code.matchAll(/^(?:npx )?leash ([a-z-]+)/gm)].map(([, name = '']) =>
      name.replace(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase()),
    );
    expect(named.filter((name) => !commands.includes(name))).toEqual([]);
  });

  test('names sources that exist', () => {
    const named = [...text.matchAll(/`((?:src|test|scripts|docs)\/[\w./-]+)`/g)].map(([, path = '']) => path);
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

test('docs/guard.md shows the script as it is', () => {
  expect(read('docs/guard.md')).toContain(`\`\`\`bash\n${GUARD_BLOCK}\n\`\`\``);
});

describe('docs/operations.md', () => {
  const text = read('docs/operations.md');

  test.each(PROBLEM_KINDS)('says what to do about %s', (kind) => {
    expect(text).toMatch(new RegExp(`^\\| \`${kind}\` \\|`, 'm'));
  });

  test.each(OUTCOMES)('says what %s means', (outcome) => {
    expect(text).toMatch(new RegExp(`^\\| \`${outcome}\``, 'm'));
  });

  test('names the signals and search attributes there are', () => {
    for (const { name } of [extendSignal, destroySignal, touchSignal])
      expect(text).toContain(`| \`${name}\` |`);
    for (const { name } of Object.values(SEARCH_ATTRIBUTES)) expect(text).toContain(`\`${name}\``);
  });
});

test('the picture of a session’s life has every state', () => {
  const picture = /```mermaid\n([\s\S]*?)```/.exec(read('README.md'))?.[1] ?? '';
  expect(SESSION_STATES.filter((state) => !picture.includes(state))).toEqual([]);
});

function leadsSomewhere(page: string, target: string): boolean {
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? page : relative(ROOT, join(ROOT, dirname(page), path));
  if (!existsSync(join(ROOT, file))) return false;
  return anchor === undefined || headingsOf(read(file)).includes(anchor);
}

/** As GitHub makes anchors of headings. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(/\s/g, '-'),
  );
}

function pagesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

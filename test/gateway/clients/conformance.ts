import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { installPython, type Pinned } from '../../support/python-environment.ts';
import { CASES } from './cases.ts';
import { type Case, type ClientCase, type ClientInput, expectationOf } from './client-case.ts';
import { comparable, type Seen } from './observation.ts';
import { startStage } from './stage.ts';
import type { Target } from './targets.ts';

/** One case with one target: what each package saw, and what of it is not as it should be. */
export type Verdict = {
  readonly name: string;
  readonly seen: Readonly<Record<Package, Seen>>;
  readonly wrong: readonly string[];
};

export const PACKAGES = ['python', 'javascript'] as const;
export type Package = (typeof PACKAGES)[number];

export const OPENAI_OF_PYTHON: Pinned = { name: 'openai', version: '3.54.0' };

/** What no package can see. */
const TOLD = 'leaving: who answers is told, and stops';
export const NAMES: readonly string[] = [...CASES.map(({ name }) => name), TOLD];

/** A package needs seconds for the whole list; a vLLM on the CPU of a busy machine, minutes. */
const RUN_MS_MAX = 900_000;

/** Runs every case with both packages against a gateway of its own, and stops the target. */
export async function judge(target: Target): Promise<Verdict[]> {
  const { python } = await installPython([OPENAI_OF_PYTHON]);
  await using stage = await startStage(target);
  const input: ClientInput = {
    url: stage.url,
    keys: stage.keys,
    cases: CASES.map((each) => forTarget(each, target)),
  };
  const programs = {
    python: [python, programOf('official.py')],
    javascript: [process.execPath, programOf('official.ts')],
  } as const;
  const seen = {
    python: await run(programs.python, input),
    javascript: await run(programs.javascript, input),
  };
  const wrong = await stage.findUntold(PACKAGES.length);
  const told: Verdict = { name: TOLD, seen: { python: {}, javascript: {} }, wrong };
  return [...CASES.map((each) => verdictOn(each, target, seen)), told];
}

function programOf(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}

function forTarget({ expected: _expected, ...asked }: Case, { model, embeddingModel }: Target): ClientCase {
  const named = JSON.stringify(asked)
    .replaceAll('"$model"', JSON.stringify(model))
    .replaceAll('"$embedding"', JSON.stringify(embeddingModel));
  return JSON.parse(named);
}

async function run(program: readonly [string, string], input: ClientInput): Promise<Map<string, Seen>> {
  const [command, file] = program;
  const child = spawn(command, [file], {
    // No key, proxy or setting of the person who runs it.
    env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', NO_PROXY: '127.0.0.1' },
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: RUN_MS_MAX,
  });
  child.stdin.end(JSON.stringify(input));
  const lines = (await text(child.stdout)).trim().split('\n');
  const told = lines.map((line) => JSON.parse(line) as { name: string; seen: Seen });
  return new Map(told.map(({ name, seen }) => [name, seen]));
}

const NOT_RUN: Seen = { error: 'not run' };

function verdictOn(each: Case, target: Target, all: Readonly<Record<Package, Map<string, Seen>>>): Verdict {
  const seenBy = (by: Package) => named(all[by].get(each.name) ?? NOT_RUN, target);
  const seen = { python: seenBy('python'), javascript: seenBy('javascript') };
  const wrong = PACKAGES.flatMap((by) => {
    const read = expectationOf(each, target.kind).safeParse(seen[by]);
    return read.success ? [] : [`${by}: ${z.prettifyError(read.error)}; it saw ${JSON.stringify(seen[by])}`];
  });
  const [one, other] = PACKAGES.map((by) => comparable(seen[by], target.isRandom));
  if (!isDeepStrictEqual(one, other)) {
    wrong.push(`the packages disagree: ${JSON.stringify(one)} and ${JSON.stringify(other)}`);
  }
  return { name: each.name, seen, wrong };
}

/** With the words of the list for the target's names. */
function named(seen: Seen, { model }: Target): Seen {
  return JSON.parse(JSON.stringify(seen).replaceAll(JSON.stringify(model), '"$model"'));
}

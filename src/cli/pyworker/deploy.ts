import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { MarketError } from '../../vast/client.ts';
import type { ServerlessThing, VastRequest } from '../../vast/serverless.ts';
import { printJson, printLines } from '../call-options.ts';
import { CommandError, EXIT } from '../exit-code.ts';
import {
  callText,
  type Found,
  planEndpoint,
  planTemplate,
  planWorkergroup,
  type Step,
  withoutSecrets,
} from './deploy-plan.ts';
import { type Deployment, type Overrides, readDeployment } from './deployment.ts';
import { findDeployed } from './found.ts';
import { type Market, withMarket } from './market.ts';

export type DeployOptions = {
  readonly dryRun: boolean;
  readonly isJson: boolean;
  /** `NAME=VALUE`, over the template's own. */
  readonly env: Readonly<Record<string, string>>;
  readonly image?: string | undefined;
};

const RESUME = 'What was done stays; the same command goes on from there.';

/**
 * Brings about what a file says, in the order in which each needs the one before. What is there already is found by
 * its name and changed only where it differs, so that a second run does nothing, and one after a failure goes on.
 */
export async function deploy(path: string, options: DeployOptions): Promise<number> {
  const deployment = readFile(path, options);
  if (!options.isJson) printLines(deployment.warnings.map((warning) => `Note: ${warning}`));
  await withMarket(process.env, RESUME, async (market) => {
    const found = await findDeployed(market, deployment);
    if (options.dryRun) return showPlan(planAll(deployment, found), market, options);
    return carryOut(market, deployment, found, options);
  });
  return EXIT.done;
}

function readFile(path: string, overrides: Overrides): Deployment {
  const reading = readDeployment(readJson(path), overrides);
  if (reading.kind === 'read') return reading.deployment;
  const problems = reading.problems.map((problem) => `  ${problem}`).join('\n');
  throw new CommandError(EXIT.usage, `${path} cannot be deployed:\n${problems}`);
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandError(EXIT.usage, `${path} cannot be read as JSON: ${why}`);
  }
}

/** All three at once, for who only looks. */
function planAll(deployment: Deployment, found: Found): Step[] {
  const template = planTemplate(deployment, found);
  const endpoint = planEndpoint(deployment, found);
  return [template, endpoint, planWorkergroup(deployment, found, template.action !== 'keep')];
}

function showPlan(steps: readonly Step[], { apiUrl }: Market, { isJson }: DeployOptions): void {
  if (isJson) {
    printJson({ dry_run: true, steps: steps.map(stepAnswer) });
    return;
  }
  printLines([`Nothing is sent to ${apiUrl}; deployed, this is what would be:`]);
  for (const step of steps) {
    printLines(stepLines(step));
    if (step.request !== null) printLines([indented(callText(step.request)), '']);
  }
}

/** One after the other; each is planned when what it builds on is known. */
async function carryOut(
  market: Market,
  deployment: Deployment,
  before: Found,
  options: DeployOptions,
): Promise<void> {
  const steps: Step[] = [];
  let found = before;
  for (const plan of [
    planTemplate,
    planEndpoint,
    (wanted: Deployment, known: Found) => planWorkergroup(wanted, known, false),
  ]) {
    const step = plan(deployment, found);
    steps.push(step);
    if (!options.isJson) printLines(stepLines(step));
    const { request } = step;
    if (request !== null) found = await bringAbout(market, deployment, { ...step, request });
  }
  if (options.isJson) printJson({ dry_run: false, ...answerOf(found), steps: steps.map(stepAnswer) });
  else printLines(nextLines(market, deployment, steps));
}

/**
 * Sends what a step asks for; what is there then. A create whose answer is lost may have come about, so it is looked
 * for before anything is said.
 */
async function bringAbout(
  market: Market,
  deployment: Deployment,
  { thing, subject, action, request }: Step & { readonly request: VastRequest },
): Promise<Found> {
  if (action === 'update') {
    await market.serverless.send(thing, request);
    return findDeployed(market, deployment);
  }
  const failure = await market.serverless.sendOnce(thing, request).then(
    () => null,
    (error: unknown) => error,
  );
  if (failure instanceof MarketError && failure.kind !== 'refused' && failure.kind !== 'auth') {
    const found = await findListed(market, deployment, thing);
    if (found === null) throw failure;
    return found;
  }
  if (failure !== null) throw failure;
  const found = await findListed(market, deployment, thing);
  if (found !== null) return found;
  throw new CommandError(
    EXIT.failed,
    `The ${subject} was created, but is not listed yet: run the same command in a minute, and not before, or there will be two.`,
  );
}

/** What is there once it shows what was just made: lists may lag behind. Null when it does not for a while. */
async function findListed(
  market: Market,
  deployment: Deployment,
  thing: ServerlessThing,
): Promise<Found | null> {
  for (const untilMs = Date.now() + LISTED_MS; ; await pause(LOOK_MS)) {
    const found = await findDeployed(market, deployment);
    if (found[FOUND_AS[thing]] !== null) return found;
    if (Date.now() > untilMs) return null;
  }
}

const LISTED_MS = 10_000;
const LOOK_MS = 1_000;
const FOUND_AS = { templates: 'template', endpoints: 'endpoint', workergroups: 'workergroup' } as const;

const DONE = { create: 'created', update: 'changed', keep: 'as it should be' } as const;

function stepLines({ subject, action, changes }: Step): string[] {
  const lines = changes.map(({ field, from, to }) => `    ${field}: ${short(from)} → ${short(to)}`);
  return [`${subject}: ${DONE[action]}`, ...lines];
}

function short(text: string): string {
  const line = withoutSecrets(text).replaceAll('\n', '⏎');
  return line.length > LINE_MAX ? `${line.slice(0, LINE_MAX - 1)}…` : line;
}

const LINE_MAX = 120;

function stepAnswer({ subject, action, changes, request }: Step) {
  return {
    subject,
    action,
    changes: changes.map(({ field, from, to }) => ({
      field,
      from: withoutSecrets(from),
      to: withoutSecrets(to),
    })),
    call: request === null ? null : withoutSecrets(`${request.method} ${request.path}`),
  };
}

function answerOf({ template, endpoint, workergroup }: Found) {
  return {
    template_id: template?.templateId ?? null,
    template_hash: template?.hash ?? null,
    endpoint_id: endpoint?.endpointId ?? null,
    workergroup_id: workergroup?.workergroupId ?? null,
  };
}

function nextLines({ apiUrl }: Market, { endpoint }: Deployment, steps: readonly Step[]): string[] {
  const { name, coldWorkers, maxWorkers } = endpoint;
  if (steps.every(({ action }) => action === 'keep')) return [`Nothing to change at ${apiUrl}.`];
  const isNewVersion = steps[0]?.action === 'update';
  return [
    '',
    `The engine now keeps ${coldWorkers} to ${maxWorkers} workers for ${name}, and they bill until they are gone.`,
    ...(isNewVersion
      ? ['Workers that run already keep the old template: `vastai update workers WORKERGROUP` replaces them.']
      : []),
    `  leash pyworker status ${name}     until one is idle, which means ready`,
    `  leash pyworker destroy ${name}    ends it all`,
  ];
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');
}

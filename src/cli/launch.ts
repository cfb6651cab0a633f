import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import pc from 'picocolors';
import type { LaunchAnswer, StatusAnswer } from '../admin/answers.ts';
import type { LaunchInput } from '../admin/schema.ts';
import {
  type Call,
  callOf,
  lookNow,
  notNegative,
  positive,
  printJson,
  printLines,
  sessionOption,
  wholePositive,
} from './call-options.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { type Following, follow, onInterrupt, untilUsable } from './follow.ts';
import type { AdminApi, Answer } from './http.ts';
import { openLiveLine } from './live-line.ts';
import { failureText } from './progress.ts';
import { receiptText } from './receipt-text.ts';
import { clock, duration, facts, moment, usd } from './text.ts';

type LaunchOptions = {
  session: string;
  model?: string;
  keepAlive?: number;
  budget?: number;
  lifetime?: number;
  autoSwitch: boolean;
  hedge?: number;
  replace?: boolean;
  tiers?: LaunchInput['tiers'];
  numGpus?: number;
  gpuRam?: number;
  disk?: number;
  image?: string;
  vllmArg?: string[];
  interruptible?: boolean;
  maxBid?: number;
  maxPrice?: number;
  countries?: string[];
  notCountries?: string[];
  datacenterOnly?: boolean;
  unverified?: boolean;
  minReliability?: number;
  machines?: number[];
  notMachines?: number[];
  wait: boolean;
};

export function launchCommand(): Command {
  return new Command('launch')
    .summary('rent a GPU, serve a model, wait until it is READY')
    .description(
      'Rents a GPU, starts the model on it and waits until it is READY. Ctrl-C stops the waiting only: the\nsession goes on, and ends with `leash destroy`, its keep-alive, its lifetime or its budget.',
    )
    .addOption(sessionOption())
    .option('-m, --model <name>', 'model to serve (default: LEASH_MODEL of the server)')
    .option('-k, --keep-alive <minutes>', 'how long it serves after its last use', positive)
    .option('-b, --budget <usd>', 'most it may spend', positive)
    .option('--lifetime <minutes>', 'longest life, whatever its use', positive)
    .option('--no-auto-switch', 'do not let the gateway send requests to it by itself')
    .option('--hedge <n>', 'rent on so many hosts at once and keep the first READY', wholePositive)
    .option('--replace', 'rent again, within the budget, when it is lost while READY')
    .option('--tiers <file>', 'a JSON file with the GPU table of this session', tierFile)
    .option('--num-gpus <n>', 'GPUs in one machine', wholePositive)
    .option('--gpu-ram <gib>', 'least memory per GPU (default: computed from the model)', positive)
    .option('--disk <gb>', 'disk (default: computed from image and model)', positive)
    .option('--image <image>', 'container image (default: LEASH_IMAGE of the server)')
    .addOption(
      new Option(
        '--vllm-arg <arg>',
        'an argument for vLLM; repeat it, as in --vllm-arg=--max-model-len --vllm-arg=8192',
      ).argParser((text: string, before: string[] | undefined) => [...(before ?? []), text]),
    )
    .option('--interruptible', 'bid for a machine that others may outbid')
    .option('--max-bid <usd-per-hour>', 'highest bid, with --interruptible', positive)
    .option('--max-price <usd-per-hour>', 'highest price, whatever the tier allows', positive)
    .option('--countries <codes>', 'only in these countries, such as DE,FR', codes)
    .option('--not-countries <codes>', 'not in these countries', codes)
    .option('--datacenter-only', 'only machines in data centres')
    .option('--unverified', 'also machines that the provider has not verified')
    .option('--min-reliability <fraction>', 'least reliability of a machine, 0 to 1', notNegative)
    .option('--machines <ids>', 'only these machines, such as 123,456', ids)
    .option('--not-machines <ids>', 'not these machines', ids)
    .option('--no-wait', 'order it and return at once')
    .action(async (options: LaunchOptions, command: Command) => {
      process.exitCode = await launch(callOf(command), options);
    });
}

/** The body of `POST /api/admin/vllm/launch`: only what was asked for, so that the server's defaults stand. */
export function launchOrder(options: LaunchOptions): LaunchInput {
  const order = {
    session: options.session,
    model: options.model,
    keep_alive_minutes: options.keepAlive,
    auto_switch: options.autoSwitch ? undefined : false,
    budget_usd: options.budget,
    max_lifetime_minutes: options.lifetime,
    hedge: options.hedge,
    replace: options.replace,
    tiers: options.tiers,
    num_gpus: options.numGpus,
    gpu_ram_gib: options.gpuRam,
    disk_gb: options.disk,
    image: options.image,
    vllm_args: options.vllmArg,
    interruptible: options.interruptible,
    max_bid_usd_per_hour: options.maxBid,
    max_usd_per_hour: options.maxPrice,
    countries: options.countries,
    not_countries: options.notCountries,
    datacenter_only: options.datacenterOnly,
    verified_only: options.unverified ? false : undefined,
    min_reliability: options.minReliability,
    machines: options.machines,
    not_machines: options.notMachines,
  };
  return Object.fromEntries(Object.entries(order).filter(([, value]) => value !== undefined));
}

async function launch(call: Call, options: LaunchOptions): Promise<number> {
  const launched = await call.api.launch(launchOrder(options));
  if (!options.wait) {
    if (call.isJson) printJson(launched.body);
    else printLines(orderedLines(call.api, launched.value));
    return EXIT.done;
  }
  if (!call.isJson) printLines([openingLine(launched.value)]);
  return call.isJson ? await awaitSilently(call.api, launched) : await awaitVisibly(call.api, launched);
}

async function awaitVisibly(api: AdminApi, launched: Answer<LaunchAnswer>): Promise<number> {
  using interrupt = onInterrupt();
  const line = openLiveLine();
  const followed = await follow(api, following(launched, line, interrupt.signal)).finally(() => line.close());
  if (followed.kind !== 'there') {
    printLines(leftLines(launched.value.session));
    return EXIT.interrupted;
  }
  const status = followed.answer.value;
  if (status.state === 'READY') {
    printLines(readyLines(status, { apiUrl: api.url, tokenFrom: api.token()?.from ?? 'ADMIN_TOKEN' }));
    return EXIT.done;
  }
  throw new CommandError(EXIT.failed, failedLines(status).join('\n'));
}

async function awaitSilently(api: AdminApi, launched: Answer<LaunchAnswer>): Promise<number> {
  using interrupt = onInterrupt();
  const quiet = { print: () => undefined, show: () => undefined, close: () => undefined };
  const followed = await follow(api, following(launched, quiet, interrupt.signal));
  printJson(
    followed.kind === 'there' ? followed.answer.body : (await api.status(launched.value.session)).body,
  );
  if (followed.kind !== 'there') {
    process.stderr.write(`${leftLines(launched.value.session).join('\n')}\n`);
    return EXIT.interrupted;
  }
  return followed.answer.value.state === 'READY' ? EXIT.done : EXIT.failed;
}

function following(launched: Answer<LaunchAnswer>, line: Following['line'], signal: AbortSignal): Following {
  return {
    session: launched.value.session,
    seen: launched,
    line,
    signal,
    until: untilUsable(),
  };
}

function openingLine(launched: LaunchAnswer): string {
  const name = pc.bold(launched.session);
  const what = `${launched.model ?? 'the default model'}, at most ${usd(launched.budget.limit_usd)}`;
  return launched.created === false
    ? `${name} is open already with the same order (${what}); nothing new is rented.`
    : `${name}: ${what}. Ctrl-C leaves it running.`;
}

function orderedLines(api: AdminApi, status: LaunchAnswer): string[] {
  return [
    openingLine(status),
    `Watch it with \`${commandFor('status --watch', status.session)}\`, end it with \`${commandFor('destroy', status.session)}\`. (${api.url})`,
  ];
}

/** What is left behind by Ctrl-C, and what ends it. */
export function leftLines(session: string): string[] {
  return [
    '',
    `Left. Session ${session} goes on without this command, and goes on costing.`,
    `  ${commandFor('status --watch', session)}   to look again`,
    `  ${commandFor('destroy', session)}   to end it; else its keep-alive, lifetime or budget does`,
  ];
}

/** How to use a session that is READY, and when it ends by itself. */
export function readyLines(status: StatusAnswer, where: { apiUrl: string; tokenFrom: string }): string[] {
  const { nowMs } = lookNow();
  const model = status.session === 'default' ? 'default' : (status.model ?? 'default');
  const took =
    status.ready_at === null || status.started_at === null
      ? ''
      : ` after ${clock(Date.parse(status.ready_at) - Date.parse(status.started_at))}`;
  const pairs: [string, string | null][] = [
    ['model', status.model],
    ['GPU', status.gpu],
    ['gateway', `${where.apiUrl}/v1`],
    ['endpoint', status.endpoint && `${status.endpoint} (the instance itself)`],
    ['cost', `${usd(status.budget.spent_usd)} so far, at most ${usd(status.budget.limit_usd)}`],
    ['ends', endsText(status, nowMs)],
  ];
  return [
    '',
    `${pc.green('READY')}${took}`,
    ...facts(pairs.filter((pair): pair is [string, string] => pair[1] !== null)),
    '',
    'Call it:',
    `  curl -N ${where.apiUrl}/v1/chat/completions \\`,
    `    -H "Authorization: Bearer ${where.tokenFrom === 'ADMIN_TOKEN' ? '$ADMIN_TOKEN' : `$(cat ${where.tokenFrom})`}" \\`,
    `    -H 'Content-Type: application/json' \\`,
    `    -d '${JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'Hello' }] })}'`,
    '',
    `End it: ${commandFor('destroy', status.session)}`,
  ];
}

function endsText(status: StatusAnswer, nowMs: number): string | null {
  if (status.keep_alive_until === null) return null;
  const leftMs = Date.parse(status.keep_alive_until) - nowMs;
  return `${moment(status.keep_alive_until, nowMs)} unless it is used (${duration(leftMs)}; each use begins it anew)`;
}

/** Why there is no READY, with what each attempt died of. */
export function failedLines(status: StatusAnswer): string[] {
  const failures = status.attempts
    .filter((attempt) => attempt.failure !== null)
    .map((attempt) => `  attempt ${attempt.attempt}, ${attempt.gpu}: ${failureText(attempt)}`);
  const outcome = status.outcome ?? 'no outcome';
  return [
    `${status.session} is not READY: ${outcome}${status.reason === null ? '' : `, ${status.reason}`}`,
    ...failures,
    ...(status.receipt === null ? [] : ['', ...receiptText(status.receipt, lookNow())]),
  ];
}

function commandFor(command: string, session: string): string {
  return `leash ${command}${session === 'default' ? '' : ` --session ${session}`}`;
}

function codes(text: string): string[] {
  return text
    .split(/[\s,]+/)
    .filter((code) => code !== '')
    .map((code) => code.toUpperCase());
}

function ids(text: string): number[] {
  return text
    .split(/[\s,]+/)
    .filter((id) => id !== '')
    .map(wholePositive);
}

/** Only that it is JSON is checked here; what a table must hold is the server's to say, all at once. */
function tierFile(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

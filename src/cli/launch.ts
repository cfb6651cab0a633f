import { Command } from 'commander';
import type { LaunchAnswer, StatusAnswer } from '../admin/answers.ts';
import type { LaunchInput } from '../admin/schema.ts';
import { type Call, callOf, lookNow, printJson, printLines } from './call-options.ts';
import { colours } from './colours.ts';
import { confirm } from './confirm.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { follow, onInterrupt, untilUsable } from './follow.ts';
import type { AdminApi, Answer } from './http.ts';
import { facts } from './layout.ts';
import { addOrderOptions, type OrderOptions, orderOf } from './order-options.ts';
import { planText } from './plan-text.ts';
import { failureText } from './progress.ts';
import { receiptText } from './receipt-text.ts';
import { clock, duration, moment, usd } from './text.ts';
import { openWatcher, silentWatcher, type Watcher } from './watcher.ts';

type LaunchOptions = OrderOptions & { wait: boolean; ask?: boolean };

export function launchCommand(): Command {
  const command = new Command('launch')
    .summary('rent a GPU, serve a model, wait until it is READY')
    .description(
      'Rents a GPU, starts the model on it and waits until it is READY. Ctrl-C stops the waiting only: the\nsession goes on, and ends with `leash destroy`, its keep-alive, its lifetime or its budget.',
    );
  return addOrderOptions(command)
    .option('--no-wait', 'order it and return at once')
    .option('--ask', 'show the plan and ask before anything is rented')
    .action(async (options: LaunchOptions, command: Command) => {
      process.exitCode = await launch(callOf(command), options);
    });
}

async function launch(call: Call, options: LaunchOptions): Promise<number> {
  const order = orderOf(options);
  if (options.ask === true && !(await isWanted(call.api, order))) return EXIT.done;
  const launched = await call.api.launch(order);
  if (!options.wait) {
    if (call.isJson) printJson(launched.body);
    else printLines(orderedLines(call.api, launched.value));
    return EXIT.done;
  }
  if (!call.isJson) printLines([openingLine(launched.value)]);
  return call.isJson ? await awaitSilently(call.api, launched) : await awaitVisibly(call.api, launched);
}

/** Shows what the order would cost and be stopped by. A launch that would be refused is not asked about. */
async function isWanted(api: AdminApi, order: LaunchInput): Promise<boolean> {
  const { value: plan } = await api.plan(order);
  process.stderr.write(`${planText(plan, lookNow()).join('\n')}\n\n`);
  if (plan.stopped_by !== null) throw new CommandError(EXIT.refused, plan.stopped_by.detail);
  return confirm(
    `Rent it, for at most ${usd(plan.worst_case.at_most_usd)}?`,
    'without --ask it is rented at once.',
  );
}

async function awaitVisibly(api: AdminApi, launched: Answer<LaunchAnswer>): Promise<number> {
  using interrupt = onInterrupt();
  const watcher = openWatcher({ footer: stayingFooter(launched.value.session), isRecorded: true });
  const followed = await follow(api, following(launched, watcher, interrupt.signal)).finally(() =>
    watcher.close(),
  );
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
  const followed = await follow(api, following(launched, silentWatcher, interrupt.signal));
  printJson(
    followed.kind === 'there' ? followed.answer.body : (await api.status(launched.value.session)).body,
  );
  if (followed.kind !== 'there') {
    process.stderr.write(`${leftLines(launched.value.session).join('\n')}\n`);
    return EXIT.interrupted;
  }
  return followed.answer.value.state === 'READY' ? EXIT.done : EXIT.failed;
}

function following(launched: Answer<LaunchAnswer>, watcher: Watcher, signal: AbortSignal) {
  return {
    session: launched.value.session,
    seen: launched,
    watcher,
    signal,
    until: untilUsable(),
  };
}

function openingLine(launched: LaunchAnswer): string {
  const name = colours.bold(launched.session);
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

/** What stands below a session that goes on when nobody watches. */
export function stayingFooter(session: string): string[] {
  return [`Ctrl-C stops the watching only: the session goes on. End it: ${commandFor('destroy', session)}`];
}

/** What is left behind by Ctrl-C, and what ends it. */
export function leftLines(session: string): string[] {
  return [
    '',
    `Left. Session ${session} goes on without this command, and goes on costing.`,
    ...facts([
      [commandFor('status --watch', session), 'to look again'],
      [commandFor('destroy', session), 'to end it; else its keep-alive, lifetime or budget does'],
    ]),
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
    ['dashboard', `${where.apiUrl}/sessions/${status.session}`],
    ['endpoint', status.endpoint && `${status.endpoint} (the instance itself)`],
    ['cost', `${usd(status.budget.spent_usd)} so far, at most ${usd(status.budget.limit_usd)}`],
    ['ends', endsText(status, nowMs)],
  ];
  return [
    '',
    `${colours.green('READY')}${took}`,
    ...facts(pairs.filter((pair): pair is [string, string] => pair[1] !== null)),
    '',
    'Call it:',
    `  curl -N ${where.apiUrl}/v1/chat/completions \\`,
    `    -H "Authorization: Bearer ${where.tokenFrom === 'ADMIN_TOKEN' ? '$ADMIN_TOKEN' : `$(head -n 1 ${where.tokenFrom})`}" \\`,
    `    -H 'Content-Type: application/json' \\`,
    `    -d '${JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'Hello' }] })}'`,
    '',
    ...facts(
      [
        ['Keep it longer', commandFor('extend 30', status.session)],
        ['Look at it', commandFor('status --watch', status.session)],
        ['End it', commandFor('destroy', status.session)],
      ],
      { indent: '' },
    ),
  ];
}

function endsText(status: StatusAnswer, nowMs: number): string | null {
  if (status.keep_alive_until === null) return null;
  const leftMs = Date.parse(status.keep_alive_until) - nowMs;
  return `${moment(status.keep_alive_until, nowMs)} unless it is used (${duration(leftMs)}; each use begins it anew)`;
}

/** Why there is no READY, with what each attempt died of. */
export function failedLines(status: StatusAnswer): string[] {
  // One attempt's failure is the reason itself.
  const failures = status.attempts
    .filter(
      ({ failure }) => failure !== null && (status.attempts.length > 1 || failure.message !== status.reason),
    )
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

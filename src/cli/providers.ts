import { Command } from 'commander';
import type { ProvidersAnswer } from '../admin/answers.ts';
import { callOf, lookNow, printJson, printLines } from './call-options.ts';
import { colours } from './colours.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { type Column, table } from './layout.ts';
import type { Look } from './status-text.ts';
import { moment, plural } from './text.ts';

type Provider = ProvidersAnswer['items'][number];

export function providersCommand(): Command {
  return new Command('providers')
    .summary('who answers behind the gateway, and who is asked first')
    .description(
      'The providers of the gateway: which are configured, healthy and in use, and their last error.',
    )
    .action(async (_options: object, command: Command) => {
      const { api, isJson } = callOf(command);
      const answer = await api.providers();
      if (isJson) printJson(answer.body);
      else printLines(providersText(answer.value, lookNow()));
    })
    .addCommand(switchCommand());
}

type SwitchOptions = { session?: string; back?: boolean };

function switchCommand(): Command {
  return new Command('switch')
    .summary('send the traffic to one provider before the others')
    .argument('[provider]', 'modal, vastai, anthropic or one of your own')
    .option('--session <name>', 'of vastai: this session before others')
    .option('--back', 'to the configured order again')
    .action(async (provider: string | undefined, options: SwitchOptions, command: Command) => {
      if ((provider === undefined) !== (options.back === true))
        throw new CommandError(EXIT.usage, 'Name a provider to switch to, or --back: one of them.');
      const { api, isJson } = callOf(command);
      const { session } = options;
      const answer = await api.switchProvider({ provider: provider ?? null, ...(session && { session }) });
      if (isJson) printJson(answer.body);
      else printLines(providersText(answer.value, lookNow()));
    });
}

/** A row for each provider in its order, then where the traffic goes and what failed last. */
export function providersText(answer: ProvidersAnswer, { nowMs, width }: Look): string[] {
  const columns: Column[] = [
    { title: 'provider' },
    { title: 'state' },
    { title: 'in flight', align: 'right', dropped: 3 },
    { title: 'first byte', align: 'right', dropped: 2 },
    { title: '$/M tokens', align: 'right', dropped: 4 },
    { title: 'models', narrowest: 16, dropped: 1 },
  ];
  const rows = answer.items.map((provider) => [
    provider.active ? colours.bold(provider.provider) : provider.provider,
    stateText(provider),
    provider.configured ? String(provider.in_flight) : '',
    provider.latency_ms.p50 === null ? '' : `${Math.round(provider.latency_ms.p50)} ms`,
    provider.usd_per_million_tokens === null ? '' : provider.usd_per_million_tokens.toFixed(2),
    provider.models.join(', '),
  ]);
  return [...table(columns, rows, width), '', ...whereText(answer), ...errorsText(answer, nowMs)];
}

function stateText({ configured, healthy, breaker, targets }: Provider): string {
  if (!configured) return colours.dim('not configured');
  if (targets.length === 0) return colours.yellow('nothing to ask');
  const counted = targets.length > 1 ? `, ${plural(targets.length, 'target')}` : '';
  if (healthy) return `${colours.green('healthy')}${counted}`;
  return colours.red(breaker === 'closed' ? `failing${counted}` : `breaker ${breaker}${counted}`);
}

function whereText({ active, switched_to: switched }: ProvidersAnswer): string[] {
  const now =
    active === null ? 'No provider can answer now.' : `A request that names no model goes to ${active}.`;
  if (switched.provider === null) return [now];
  const to =
    switched.session === null ? switched.provider : `${switched.provider}, session ${switched.session}`;
  return [`${now} Switched to ${to}; back with: leash providers switch --back`];
}

function errorsText({ items }: ProvidersAnswer, nowMs: number): string[] {
  const failed = items.flatMap(({ provider, last_error: error }) =>
    error === null ? [] : [`  ${provider}, ${moment(error.at, nowMs)}: ${error.message}`],
  );
  return failed.length === 0 ? [] : ['', 'Last errors:', ...failed];
}

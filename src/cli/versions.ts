import { Command } from 'commander';
import type { VersionsAnswer } from '../admin/answers.ts';
import { callOf, lookNow, printJson, printLines } from './call-options.ts';
import { colours } from './colours.ts';
import { type Column, table } from './layout.ts';
import type { Look } from './status-text.ts';
import { duration } from './text.ts';

type Version = VersionsAnswer['items'][number];

export function versionsCommand(): Command {
  return new Command('versions')
    .summary('versions of the workers: which one is current, which have drained')
    .description(
      'Where LEASH_DEPLOYMENT is set, a session stays with the version of the worker that began it. A version that has\nno open sessions any more can be stopped.',
    )
    .action(async (_options: object, command: Command) => {
      const { api, isJson } = callOf(command);
      const answer = await api.versions();
      if (isJson) printJson(answer.body);
      else printLines(versionsText(answer.value, lookNow()));
    })
    .addCommand(promoteCommand());
}

function promoteCommand(): Command {
  return new Command('promote')
    .summary('new sessions run on this version from now on')
    .argument('<build>', 'its build id')
    .action(async (build: string, _options: object, command: Command) => {
      const { api, isJson } = callOf(command);
      const answer = await api.promoteVersion(build);
      if (isJson) printJson(answer.body);
      else printLines(versionsText(answer.value, lookNow()));
    });
}

export function versionsText({ deployment, items }: VersionsAnswer, { nowMs, width }: Look): string[] {
  if (deployment === null)
    return [
      'Workers have no versions here: LEASH_DEPLOYMENT is not set, and any worker takes up any session.',
    ];
  if (items.length === 0) return [`No worker of the deployment ${deployment} was ever there.`];
  const columns: Column[] = [
    { title: 'build' },
    { title: 'status' },
    { title: 'open sessions', align: 'right' },
    { title: 'workers', align: 'right' },
    { title: 'first seen', dropped: 1 },
  ];
  const rows = items.map((version) => [
    version.build_id,
    statusText(version),
    String(version.open_sessions),
    String(version.workers),
    `${duration(nowMs - Date.parse(version.created_at))} ago`,
  ]);
  return [...table(columns, rows, width), ...items.flatMap(adviceOn)];
}

function statusText({ status }: Version): string {
  if (status === 'current') return colours.green(status);
  return status === 'draining' ? colours.yellow(status) : status;
}

function adviceOn({ build_id, status, open_sessions, workers }: Version): string[] {
  if (open_sessions > 0 && workers === 0)
    return ['', `No worker of ${build_id} runs: its ${open_sessions} open sessions stand still. Start one.`];
  const isIdle = open_sessions === 0 && workers > 0 && (status === 'draining' || status === 'drained');
  return isIdle ? ['', `${build_id} has no open sessions any more: its workers can be stopped.`] : [];
}

import type { Command } from 'commander';
import { pad } from './layout.ts';

type Example = readonly [line: string, says: string];

/** What stands below the help of each command, by its path. Tests hold every line against the command it names. */
export const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  up: [
    ['leash up', 'everything on this machine; simulated unless VASTAI_API_KEY is set'],
    ['leash up --profile flaky', 'a simulated market on which more goes wrong'],
    ['LEASH_HOME=.other LEASH_PORT=9090 leash up', 'a second installation beside the first'],
  ],
  setup: [
    ['leash setup secrets', 'before the first `docker compose up`'],
    ['leash setup temporal', 'namespace and search attributes'],
  ],
  'setup secrets': [
    ['leash setup secrets', 'where docker-compose.yml lies'],
    ['leash setup secrets --directory /srv/leash', 'where it lies elsewhere'],
  ],
  'setup temporal': [['TEMPORAL_ADDRESS=temporal:7233 leash setup temporal', 'on that server']],
  dashboard: [['leash dashboard', 'its address, and how to sign in']],
  launch: [
    ['leash launch', 'the default model on the best offer, at most $2'],
    ['leash launch --model Qwen/Qwen2.5-14B-Instruct --budget 3', 'another model, at most $3'],
    ['leash launch --session night --keep-alive 10 --no-wait', 'a second session; do not wait for READY'],
    ['leash launch --hedge 2 --countries DE,FR', 'race two hosts of these countries'],
  ],
  offers: [
    ['leash offers', 'what a launch would choose from now'],
    ['leash offers --explain --tier "RTX 4090"', 'why each scores as it does, and why others are out'],
  ],
  plan: [
    ['leash plan', 'what `leash launch` would cost and be stopped by'],
    ['leash plan --model Qwen/Qwen2.5-32B-Instruct --budget 5', 'of another model'],
  ],
  extend: [
    ['leash extend 30', 'half an hour more'],
    ['leash extend 90 --session night', 'of another session'],
  ],
  destroy: [
    ['leash destroy', 'end it, see it gone, show the receipt'],
    ['leash destroy --session night --wait 0', 'do not wait; the teardown goes on by itself'],
  ],
  schedule: [
    ['leash schedule add office --weekdays 09:00-17:00', 'open in office hours'],
    ['leash schedule list', 'all hours'],
  ],
  'schedule add': [
    ['leash schedule add office --weekdays 09:00-17:00 --timezone Europe/Berlin', 'Monday to Friday'],
    ['leash schedule add demo --daily 12:00-14:00 --session demo --budget 1', 'every day, with a budget'],
  ],
  'schedule list': [['leash schedule list --json', 'for scripts']],
  'schedule remove': [['leash schedule remove office', 'an open session stays open']],
  status: [
    ['leash status', 'once'],
    ['leash status --watch --session night', 'until it has ended'],
    ['leash status --json', 'for scripts'],
  ],
  sessions: [
    ['leash sessions', 'the open ones'],
    ['leash sessions --all', 'past ones too'],
  ],
  logs: [
    ['leash logs --tail 50', 'the newest lines of vLLM'],
    ['leash logs --follow --filter ERROR', 'errors, as they come'],
  ],
  notifications: [['leash notifications', 'what was told lately, and whether it got there']],
  'notifications test': [['leash notifications test', 'one to each address that is set, with its answer']],
  providers: [['leash providers', 'who answers now, and what failed last']],
  'providers switch': [
    ['leash providers switch anthropic', 'ask it before the others'],
    ['leash providers switch vastai --session night', 'this session before other sessions'],
    ['leash providers switch --back', 'the configured order again'],
  ],
  versions: [['leash versions', 'which version new sessions run on, and which others still have some']],
  'versions promote': [['leash versions promote 0.2.0', 'new sessions run on it from now on']],
  machines: [
    ['leash machines --standing avoided', 'which are avoided, until when'],
    ['leash machines --machine 11085', 'one of them, with each failure'],
    ['leash machines --forget 11085', 'give it another chance'],
  ],
  costs: [
    ['leash costs', 'the last 30 days, by session'],
    ['leash costs --by day --from 2026-03-01', 'by day'],
    ['leash costs --by gpu --csv', 'for a spreadsheet'],
  ],
  keys: [
    ['leash keys create app --budget-usd 5 --budget-period month', 'a key for an application'],
    ['leash keys list', 'what they spent'],
  ],
  'keys create': [
    ['leash keys create app --requests-per-minute 60 --expires 30d', 'with limits, for a month'],
  ],
  'keys list': [['leash keys list --all', 'revoked ones too']],
  'keys revoke': [['leash keys revoke app', 'by its name or id']],
  'access-log': [
    ['leash access-log --what destroy', 'who ended sessions'],
    ['leash access-log --session night --from 2026-03-01', 'what was done to one of them, since'],
  ],
  adopt: [
    ['leash adopt', 'name what is rented, ask, and go on with a new Temporal'],
    ['leash adopt --yes --with-instances', 'the reaper ends what the old one had rented'],
  ],
  reap: [
    ['leash reap --dry-run', 'what belongs to no session'],
    ['leash reap', 'end it now'],
  ],
  encryption: [['leash encryption new-key', 'an id and a key, to be added to the file of keys']],
  'encryption new-key': [
    ['leash encryption new-key >> payload-keys', 'at the end of the file: it can be read from now on'],
    ['leash encryption new-key --id 2027', 'by a name of your own'],
  ],
  doctor: [['leash doctor', 'each part, and what to do about it']],
  simulate: [
    ['leash simulate', 'a market on port 8700'],
    ['leash simulate --seed 7 --profile hostile', 'another one, where much goes wrong'],
  ],
  pyworker: [
    ['leash pyworker deploy deployment.json --dry-run', 'what it would do'],
    ['leash pyworker status my-endpoint', 'its workers'],
  ],
  'pyworker deploy': [['leash pyworker deploy deployment.json --env MODEL=Qwen/Qwen2.5-7B-Instruct', '']],
  'pyworker status': [['leash pyworker status my-endpoint', '']],
  'pyworker destroy': [['leash pyworker destroy my-endpoint --yes', 'do not ask']],
  completion: [
    ['leash completion bash > ~/.local/share/bash-completion/completions/leash', 'for every bash'],
    ['leash completion fish > ~/.config/fish/completions/leash.fish', 'for every fish'],
  ],
};

/** Puts its examples below the help of a command and of those under it. */
export function addExamples(command: Command, path = command.name()): void {
  const examples = EXAMPLES[path] ?? [];
  if (examples.length > 0)
    command.addHelpText('after', () => `\nExamples:\n${exampleLines(examples).join('\n')}`);
  for (const below of command.commands) addExamples(below, `${path} ${below.name()}`);
}

/** The words beside the line where both have room, else below it. */
function exampleLines(examples: readonly Example[]): string[] {
  const lines = Math.max(...examples.map(([line]) => line.length));
  const says = Math.max(...examples.map(([, text]) => text.length));
  const isRoomy = lines + says + 5 <= (process.stdout.columns || 80);
  return examples.flatMap(([line, text]) => {
    if (text === '') return [`  ${line}`];
    return isRoomy ? [`  ${pad(line, lines)}   ${text}`] : [`  ${line}`, `      ${text}`];
  });
}

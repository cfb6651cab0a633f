import { setTimeout as pause } from 'node:timers/promises';
import { type Config, parseConfig } from '../../config.ts';
import type { Instance } from '../../domain/instance.ts';
import { judgeLeftBehind, type ReaperVerdict } from '../../domain/reaping.ts';
import { MarketError, type VastClient } from '../../vast/client.ts';
import { lookNow, printJson, printLines } from '../call-options.ts';
import { CommandError, EXIT } from '../exit-code.ts';
import { listOf, ownerOf, withAccount } from '../own-account.ts';
import { type ReapOptions, reapText } from '../reap.ts';
import { plural } from '../text.ts';

/** Looks and DELETEs go on for this long; whatever is left then is said. */
const PATIENCE_MS = 180_000;
const GAP_MS = 5_000;

/**
 * Ends every instance of this owner by label and key alone, for when Temporal is lost: nobody is left who knows
 * which of them a session claims. Another owner's only past their expiry. Returns the exit code.
 */
export async function reapWithoutTemporal(options: ReapOptions, isJson: boolean): Promise<number> {
  const config = parseConfig(process.env);
  const own = ownerOf(config);
  const owner = options.owner ?? own;
  if (owner === null) {
    throw new CommandError(
      EXIT.usage,
      `There is no installation in ${config.LEASH_HOME}: set LEASH_HOME to its home, LEASH_OWNER, or name the owner with --owner.`,
    );
  }
  return withAccount(config, async (vast) => {
    const verdicts = judge(await listOf(vast), { owner, isOwn: owner === own });
    const doomed = verdicts.filter(({ action }) => action === 'destroy');
    if (!isJson) printLines(announcement(config, { owner, verdicts, isDryRun: options.dryRun === true }));
    const undone = options.dryRun === true ? new Set<number>() : await destroyAll(vast, doomed);
    const answer = answerOf(verdicts, undone, options.dryRun === true);
    if (isJson) printJson(answer);
    else printLines(reapText(answer, lookNow()));
    return undone.size === 0 ? EXIT.done : EXIT.failed;
  });
}

function judge(
  instances: readonly Instance[],
  { owner, isOwn }: { owner: string; isOwn: boolean },
): ReaperVerdict[] {
  const verdicts = judgeLeftBehind(instances, { owner, nowMs: Date.now() });
  if (!isOwn) return verdicts;
  return verdicts.map((verdict) => ({
    ...verdict,
    action: 'destroy',
    why: 'it carries this owner’s label',
  }));
}

function announcement(
  { VASTAI_API_URL }: Config,
  { owner, verdicts, isDryRun }: { owner: string; verdicts: readonly ReaperVerdict[]; isDryRun: boolean },
): string[] {
  const doomed = verdicts.filter(({ action }) => action === 'destroy');
  const verb = isDryRun ? 'Would destroy' : 'Destroying';
  return [
    `Owner ${owner} at ${VASTAI_API_URL}, by label and key alone: no session is asked, open ones are ended too.`,
    `${verb} ${plural(doomed.length, 'instance')}${doomed.length === 0 ? '' : `: ${doomed.map(({ instanceId }) => instanceId).join(', ')}`}.`,
  ];
}

/** Sends a DELETE for each until two complete lists in a row show none of them; the ids that are still shown. */
async function destroyAll(vast: VastClient, doomed: readonly ReaperVerdict[]): Promise<ReadonlySet<number>> {
  const untilMs = Date.now() + PATIENCE_MS;
  const absences = new Map(doomed.map(({ instanceId }) => [instanceId, 0]));
  const open = () => [...absences].filter(([, count]) => count < 2).map(([instanceId]) => instanceId);
  for (const instanceId of open()) await sendDelete(vast, instanceId);
  while (open().length > 0 && Date.now() < untilMs) {
    await pause(GAP_MS);
    const listed = await listOf(vast).catch(unlessUnknown);
    if (listed === null) continue;
    for (const instanceId of open()) {
      const isListed = listed.some((instance) => instance.instanceId === instanceId);
      absences.set(instanceId, isListed ? 0 : (absences.get(instanceId) ?? 0) + 1);
      if (isListed) await sendDelete(vast, instanceId);
    }
  }
  return new Set(open());
}

/** An answer that tells nothing is asked for again; a key that is refused stays refused. */
async function sendDelete(vast: VastClient, instanceId: number): Promise<void> {
  await vast.destroyInstance(instanceId, { deadlineMs: Date.now() + 60_000 }).catch(unlessUnknown);
}

function unlessUnknown(error: unknown): null {
  if (error instanceof MarketError && error.kind !== 'auth') return null;
  throw error;
}

function answerOf(verdicts: readonly ReaperVerdict[], undone: ReadonlySet<number>, isDryRun: boolean) {
  const rowOf = ({ instanceId, label, why }: ReaperVerdict) => ({ instance_id: instanceId, label, why });
  const isDone = ({ action, instanceId }: ReaperVerdict) => action === 'destroy' && !undone.has(instanceId);
  return {
    found: verdicts.length,
    destroyed: verdicts.filter(isDone).map(rowOf),
    left: verdicts
      .filter((verdict) => !isDone(verdict))
      .map((verdict) =>
        undone.has(verdict.instanceId)
          ? { ...rowOf(verdict), why: 'a DELETE was sent, but the provider still shows it' }
          : rowOf(verdict),
      ),
    dry_run: isDryRun,
    expired_of_others: [],
    idle: [],
  };
}

import {
  chat,
  destroyAndWatch,
  extend,
  holdAgainstBooks,
  launchAndWatch,
  showStatus,
} from './demo/scenes.ts';
import { play, type Stage } from './demo/stage.ts';

/** `npm run demo`: the main job, once, visibly, in about half a minute. */
async function demo(): Promise<number> {
  return play({
    title: 'leash, the main job once',
    timeoutMs: 120_000,
    settings: QUICK,
    // The market keeps its documented texts, states and prices; its machines boot sixty times faster.
    simulator: { timeScale: 60, seed: 7 },
    act: mainJob,
  });
}

/** Short waits, so that the whole life fits in a minute; the product waits the same way, only longer. */
const QUICK = {
  LEASH_RATE_SCALE: '0',
  LEASH_DRAIN_SECONDS: '2',
  LEASH_METER_SECONDS: '5',
  VASTAI_HEALTH_CHECK_INTERVAL_SECONDS: '2',
};

async function mainJob(stage: Stage): Promise<void> {
  await launchAndWatch(stage, { session: 'default', keep_alive_minutes: 10, budget_usd: 1 }, 60_000);
  await chat(stage, 'In one sentence: why give a rented GPU back?', 128);
  const status = await showStatus(stage);
  await extend(stage, status, 15);
  const receipt = await destroyAndWatch(stage, 60_000);
  await holdAgainstBooks(stage, receipt, 20_000);
}

if (import.meta.main) process.exitCode = await demo();

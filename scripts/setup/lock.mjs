import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cacheDirectory } from '../find-temporal.mjs';
import { say } from './progress.mjs';

/**
 * Does `work` while no other process of this user does what has the same name.
 *
 * The lock is a file that holds the id of its process, so that one left by a killed process is known
 * for what it is. It appears with its content (by `link`), so it can never be read half-written.
 *
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(name, work) {
  const directory = join(cacheDirectory(), 'locks');
  mkdirSync(directory, { recursive: true });
  const lock = join(directory, `${name}.lock`);
  const mine = join(directory, `${name}.${process.pid}`);
  writeFileSync(mine, String(process.pid));
  try {
    await acquire(lock, mine);
    try {
      return await work();
    } finally {
      rmSync(lock, { force: true });
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/**
 * @param {string} lock
 * @param {string} mine
 */
async function acquire(lock, mine) {
  let isToldOf = 0;
  for (;;) {
    try {
      linkSync(mine, lock);
      return;
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    }
    const holder = holderOf(lock);
    if (holder === null) continue;
    if (!isAlive(holder)) {
      putAside(lock, holder);
      continue;
    }
    if (isToldOf !== holder) say(`Waiting for another set-up (process ${holder}) …`);
    isToldOf = holder;
    await delay(200);
  }
}

/** @param {string} lock */
function holderOf(lock) {
  try {
    return Number(readFileSync(lock, 'utf8'));
  } catch {
    return null;
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

/**
 * Takes the lock of a dead process away. Two may see it at once: the one that moves it looks at what it
 * moved, and gives back a lock that had been taken anew in between.
 *
 * @param {string} lock
 * @param {number} deadPid
 */
function putAside(lock, deadPid) {
  const aside = `${lock}.${process.pid}`;
  try {
    renameSync(lock, aside);
  } catch {
    return;
  }
  if (holderOf(aside) !== deadPid) {
    try {
      linkSync(aside, lock);
    } catch {
      // Taken by a third meanwhile; its holder and the one moved here then both work, as without a lock.
    }
  }
  rmSync(aside, { force: true });
}

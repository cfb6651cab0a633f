import { readFileSync } from 'node:fs';

/** Of one process, from the kernel. */
export type Usage = {
  readonly atMs: number;
  /** User and system time since its start. */
  readonly cpuSeconds: number;
  readonly residentMib: number;
};

/** Between two readings. */
export type Spent = {
  /** Of one processor. */
  readonly cpuPercent: number;
  readonly residentMib: number;
};

/** Linux counts processor time in hundredths of a second, whatever its clock. */
const TICKS_PER_SECOND = 100;
const USER_TICKS = 11;
const SYSTEM_TICKS = 12;

/** Throws where the process is gone. */
export function readUsage(pid: number): Usage {
  // The second field is the program's name in brackets, and may hold spaces.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    atMs: Date.now(),
    cpuSeconds: (Number(fields[USER_TICKS]) + Number(fields[SYSTEM_TICKS])) / TICKS_PER_SECOND,
    residentMib: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? Number.NaN) / 1024,
  };
}

export function spentBetween(before: Usage, after: Usage): Spent {
  const seconds = (after.atMs - before.atMs) / 1_000;
  return {
    cpuPercent: ((after.cpuSeconds - before.cpuSeconds) / seconds) * 100,
    residentMib: after.residentMib,
  };
}

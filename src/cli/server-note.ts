import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/**
 * What `leash up` leaves in its home for the other commands: where it answers and which file holds its
 * token. A home may hold two installations, and each wrong token counts against the caller.
 */
export type ServerNote = z.output<typeof noteSchema>;

const noteSchema = z.object({
  url: z.string(),
  token_file: z.string().nullable(),
  pid: z.int(),
  /** What it runs beside it, for who looks without its settings; a server of before left none. */
  beside: z.object({ namespace: z.string(), temporal: z.string(), market_url: z.string() }).optional(),
});

export function writeServerNote(home: string, note: ServerNote): void {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  writeFileSync(noteFile(home), `${JSON.stringify(note)}\n`);
}

/** Of a server that is gone, however it ended, there is no note. */
export function readServerNote(home: string): ServerNote | null {
  if (!existsSync(noteFile(home))) return null;
  try {
    const note = noteSchema.parse(JSON.parse(readFileSync(noteFile(home), 'utf8')));
    return isAlive(note.pid) ? note : null;
  } catch {
    return null;
  }
}

export function removeServerNote(home: string): void {
  rmSync(noteFile(home), { force: true });
}

function noteFile(home: string): string {
  return join(home, 'server.json');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

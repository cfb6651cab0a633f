import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeBeside } from '../home-file.ts';
import { NOT_SWITCHED, type Switched } from './switchboard.ts';

const schema = z.object({
  provider: z.string().nullable(),
  session: z.string().nullable(),
  released: z.array(z.string()),
});

/** What people switched to outlives the process. A file that cannot be read is as good as none. */
export function openSwitchFile(home: string): { switched: Switched; save(switched: Switched): void } {
  const file = join(home, 'gateway-switch.json');
  return {
    switched: readSwitched(file),
    save: (switched) => renameSync(writeBeside(file, JSON.stringify(switched)), file),
  };
}

function readSwitched(file: string): Switched {
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return NOT_SWITCHED;
  }
}

import { createHash, timingSafeEqual } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerJson } from './answers.ts';
import type { ResolvedConfig } from './config.ts';

/** POST /pyworker/update: makes the file by which the instance's start script fetches a new worker. */
export async function update(
  { masterToken, updateFile }: Pick<ResolvedConfig, 'masterToken' | 'updateFile'>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  request.resume();
  // Without a token of its own a worker takes nobody's.
  if (masterToken === '' || !isSame(request.headers.authorization ?? '', `Bearer ${masterToken}`)) {
    answerJson(response, 401, { error: 'unauthorized' });
    return;
  }
  await writeFile(updateFile, '');
  answerJson(response, 200, { ok: true });
}

function isSame(given: string, wanted: string): boolean {
  const [a, b] = [given, wanted].map((text) => createHash('sha256').update(text).digest());
  return a !== undefined && b !== undefined && timingSafeEqual(a, b);
}

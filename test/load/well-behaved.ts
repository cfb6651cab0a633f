import { setTimeout as pause } from 'node:timers/promises';
import type { Target } from './client.ts';

export type Answered = {
  /** By kind of request: how long each took, ms, in the order they were asked. */
  readonly tookMs: Record<string, number[]>;
  /** What was not answered as it should be. */
  readonly failures: string[];
};

const ASK_MS = 30_000;

/** A caller as there should be more: one question after the other, each answer read to its end. */
export async function askPolitely(target: Target, isOver: () => boolean): Promise<Answered> {
  const answered: Answered = { tookMs: {}, failures: [] };
  const kinds = Object.entries(KINDS);
  for (let nth = 0; !isOver(); nth += 1) {
    const [kind, ask] = kinds[nth % kinds.length] ?? ['', async () => undefined];
    const beganMs = performance.now();
    try {
      const wrong = await ask(target);
      if (wrong !== undefined) answered.failures.push(`${kind}: ${wrong}`);
    } catch (error) {
      answered.failures.push(`${kind}: ${error instanceof Error ? String(error.cause ?? error) : error}`);
    }
    answered.tookMs[kind] ??= [];
    answered.tookMs[kind].push(performance.now() - beganMs);
    await pause(20);
  }
  return answered;
}

/** Each says what was wrong with its answer, if anything was. */
const KINDS: Readonly<Record<string, (target: Target) => Promise<string | undefined>>> = {
  'a completion': async (target) => {
    const { status, text } = await chat(target, false);
    return status === 200 && text.includes('"finish_reason"') ? undefined : `${status} ${text.slice(0, 100)}`;
  },
  'a stream': async (target) => {
    const { status, text } = await chat(target, true);
    const isWhole = text.trimEnd().endsWith('data: [DONE]');
    return status === 200 && isWhole ? undefined : `${status} ${text.slice(-100)}`;
  },
  'the status': async (target) => {
    const { status, text } = await ask(target, '/api/admin/vllm/status?session=default');
    return status === 200 && text.includes('"ready"') ? undefined : `${status} ${text.slice(0, 100)}`;
  },
};

function chat(target: Target, stream: boolean) {
  const body = { messages: [{ role: 'user', content: 'Say something.' }], max_tokens: 8, stream };
  return ask(target, '/v1/chat/completions', body);
}

async function ask({ port, token }: Target, path: string, body?: unknown) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(ASK_MS),
  });
  return { status: answer.status, text: await answer.text() };
}

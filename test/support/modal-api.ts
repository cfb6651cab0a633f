import { answers, type Behaviour, endJson, startProvider, type TestProvider } from './providers.ts';

export type TestModal = TestProvider & {
  /** The container is gone for want of use: the next request has to start it. */
  scaleToZero(): void;
  readonly starts: () => number;
};

export type ModalOptions = {
  readonly tokenId?: string;
  readonly tokenSecret?: string;
  /** How long its container takes to start. */
  readonly startMs?: number;
  /** How long a request is held before it is sent on; 150 s at the real one. */
  readonly holdMs?: number;
};

/**
 * A web endpoint as Modal serves them: proxy-auth tokens in two headers, a container that starts with the
 * first request, and a 303 to where the answer will be for each request that has waited for too long.
 */
export async function startModal(options: ModalOptions = {}): Promise<TestModal> {
  const { tokenId = 'wk-test', tokenSecret = 'ws-test', startMs = 0, holdMs = 100 } = options;
  const say = answers('modal');
  const calls = new Map<string, Parameters<Behaviour>[1]>();
  let readyAtMs = 0;
  let isUp = startMs === 0;
  let starts = 0;
  let nextCall = 1;

  const provider = await startProvider('modal', (response, seen) => {
    const { 'modal-key': id, 'modal-secret': secret } = seen.headers;
    if (id !== tokenId || secret !== tokenSecret) {
      response.writeHead(401, { 'content-type': 'text/plain' }).end('modal-http: missing credentials');
      return;
    }
    const url = new URL(seen.path, 'http://modal');
    const callId = url.searchParams.get('__modal_function_call_id');
    const asked = callId === null ? seen : calls.get(callId);
    if (asked === undefined || (callId === null) !== (seen.method === 'POST')) {
      return endJson(response, 404, { error: { message: 'modal-http: no such call' } });
    }
    const nowMs = Date.now();
    if (!isUp) {
      isUp = true;
      starts += 1;
      readyAtMs = nowMs + startMs;
    }
    const leftMs = readyAtMs - nowMs;
    if (leftMs <= holdMs) return void setTimeout(() => say(response, asked), Math.max(0, leftMs));
    const id2 = callId ?? `fc-${nextCall++}`;
    calls.set(id2, asked);
    url.searchParams.set('__modal_function_call_id', id2);
    const { host } = seen.headers;
    setTimeout(() => {
      response.writeHead(303, { location: `http://${host}${url.pathname}${url.search}` }).end();
    }, holdMs);
  });
  return {
    ...provider,
    starts: () => starts,
    scaleToZero: () => {
      isUp = false;
    },
  };
}

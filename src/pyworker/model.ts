import type { IncomingHttpHeaders } from 'node:http';
import { type Dispatcher, Pool } from 'undici';
import type { ResolvedConfig } from './config.ts';
import type { FormFile, FormMaker, Payload } from './types.ts';

/** Below the five seconds after which uvicorn closes: a kept connection is not used as it closes. */
const KEPT_MS = 4_000;
const CONNECT_MS = 10_000;

/** What is told of one answer of the model; nothing after `stop`. */
export type ModelListener = {
  begun(status: number, headers: IncomingHttpHeaders): void;
  /** False: wait until `resume`. */
  passed(bytes: Buffer): boolean;
  ended(): void;
  /** It is not there, hung up, or was silent for too long. */
  failed(why: string): void;
};

export type ModelCall = {
  resume(): void;
  /** Closes the connection: the model stops working on it. */
  stop(): void;
};

export type ModelBody = { readonly contentType: string; readonly bytes: Buffer };

/** The model server, over connections that are kept. */
export class Model {
  readonly #pool: Pool;

  constructor({
    modelUrl,
    maxModelConnections,
    modelTimeout,
  }: Pick<ResolvedConfig, 'modelUrl' | 'maxModelConnections' | 'modelTimeout'>) {
    const timeoutMs = modelTimeout * 1_000;
    this.#pool = new Pool(modelUrl, {
      connections: maxModelConnections,
      keepAliveTimeout: KEPT_MS,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      connect: { timeout: CONNECT_MS },
    });
  }

  call(path: string, body: ModelBody, listener: ModelListener): ModelCall {
    const call = new Call(listener);
    const headers = ['content-type', body.contentType];
    try {
      this.#pool.dispatch({ path, method: 'POST', headers, body: body.bytes }, call);
    } catch (error) {
      queueMicrotask(() => call.fail(error instanceof Error ? error.message : String(error)));
    }
    return call;
  }

  /** One request, to the last byte of its answer, of which only the status is kept. Rejects where there was none in time. */
  ask(path: string, body: ModelBody, withinMs: number): Promise<number> {
    return new Promise((resolve, reject) => {
      let status = 0;
      const call = this.call(path, body, {
        begun: (said) => {
          status = said;
        },
        passed: () => true,
        ended: () => {
          clearTimeout(overdue);
          resolve(status);
        },
        failed: (why) => {
          clearTimeout(overdue);
          reject(new Error(why));
        },
      });
      const overdue = setTimeout(() => {
        call.stop();
        reject(new Error(`no answer within ${withinMs / 1_000} s`));
      }, withinMs);
    });
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

class Call implements Dispatcher.DispatchHandler, ModelCall {
  readonly #listener: ModelListener;
  #controller: Dispatcher.DispatchController | null = null;
  #isOver = false;

  constructor(listener: ModelListener) {
    this.#listener = listener;
  }

  resume(): void {
    this.#controller?.resume();
  }

  stop(): void {
    this.#isOver = true;
    this.#controller?.abort(new Error('the caller left'));
  }

  fail(why: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#listener.failed(why);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isOver) controller.abort(new Error('the caller left'));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (status >= 200 && !this.#isOver) this.#listener.begun(status, headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, bytes: Buffer): void {
    if (!this.#isOver && !this.#listener.passed(bytes)) controller.pause();
  }

  onResponseEnd(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#listener.ended();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error.message);
  }
}

/** The payload as the model gets it: its own bytes where it is as it came, JSON, or a form. */
export async function modelBody(
  payload: Payload,
  { bytes, form }: { readonly bytes: Buffer | null; readonly form: FormMaker | undefined },
): Promise<ModelBody> {
  if (form !== undefined) return formBody(form(payload));
  return jsonBody(payload, bytes);
}

export function jsonBody(payload: unknown, bytes: Buffer | null = null): ModelBody {
  return { contentType: 'application/json', bytes: bytes ?? Buffer.from(JSON.stringify(payload)) };
}

async function formBody(members: ReturnType<FormMaker>): Promise<ModelBody> {
  const form = new FormData();
  for (const [name, value] of Object.entries(members)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one === null) continue;
      if (isFile(one))
        form.append(
          name,
          new Blob([typeof one.bytes === 'string' ? one.bytes : new Uint8Array(one.bytes)], {
            type: one.type ?? 'application/octet-stream',
          }),
          one.filename,
        );
      else form.append(name, String(one));
    }
  }
  const encoded = new Response(form);
  return {
    contentType: encoded.headers.get('content-type') ?? 'multipart/form-data',
    bytes: Buffer.from(await encoded.arrayBuffer()),
  };
}

function isFile(value: unknown): value is FormFile {
  return typeof value === 'object' && value !== null && 'filename' in value;
}

import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { startHttpEdge } from '../support/http-edge.ts';

test.each(['/v1/chat/completions', '/api/admin/vllm/launch'])(
  'a stranger that announces gigabytes to %s is answered and not read',
  async (path) => {
    await using edge = await startHttpEdge();
    const socket = connect(Number(new URL(edge.url).port), '127.0.0.1').setEncoding('latin1');
    let said = '';
    socket.on('data', (text: string) => {
      said += text;
    });
    socket.on('error', () => undefined); // The connection is ended under what it sends.
    socket.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n`);
    socket.write('Content-Length: 10737418240\r\n\r\n');
    const sending = setInterval(() => socket.write('a'.repeat(1_000)), 20);
    await once(socket, 'close', { signal: AbortSignal.timeout(5_000) });
    clearInterval(sending);
    expect(said).toMatch(/^HTTP\/1\.1 401 /);
    expect(said).toMatch(/connection: close/i);
  },
);

/**
 * The model server of the benchmark: it answers every POST at once with the same completion, on bare sockets, so
 * that it costs little beside the worker in front of it.
 */
import { createServer } from 'node:net';

const BODY = JSON.stringify({
  id: 'cmpl-bench',
  object: 'text_completion',
  created: 1_700_000_000,
  model: 'bench',
  choices: [{ index: 0, text: 'Every request is answered like this. '.repeat(8), finish_reason: 'stop' }],
  usage: { prompt_tokens: 12, completion_tokens: 64, total_tokens: 76 },
});
const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(BODY)}\r\n\r\n${BODY}`,
);

const server = createServer({ noDelay: true }, (socket) => {
  let text = '';
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1');
    for (let end = endOfRequest(text); end !== -1; end = endOfRequest(text)) {
      text = text.slice(end);
      socket.write(ANSWER);
    }
  });
  socket.on('error', () => undefined);
});

/** Where the first request of `text` ends; -1 while it is not whole. */
function endOfRequest(text) {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd === -1) return -1;
  const head = text.slice(0, headEnd);
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
    const last = text.indexOf('\r\n0\r\n\r\n', headEnd);
    return last === -1 ? -1 : last + 7;
  }
  const end = headEnd + 4 + Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  return text.length < end ? -1 : end;
}

server.listen(0, '127.0.0.1', () => process.stdout.write(`${JSON.stringify(server.address())}\n`));

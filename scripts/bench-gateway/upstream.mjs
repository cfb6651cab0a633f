/**
 * The upstream of the benchmark: an OpenAI-compatible server that answers at once. `max_tokens` says how many
 * chunks a stream has, `seed` how many milliseconds lie between two (0: as fast as possible).
 */
import { createServer } from 'node:http';

const ANSWER = Buffer.from(
  JSON.stringify({
    id: 'chatcmpl-bench',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'bench',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: 'Every request is answered like this. '.repeat(8) },
        finish_reason: 'stop',
        logprobs: null,
      },
    ],
    usage: { prompt_tokens: 12, completion_tokens: 64, total_tokens: 76 },
  }),
);
const chunk = (/** @type {object} */ delta, /** @type {string | null} */ finish) =>
  Buffer.from(
    `data: ${JSON.stringify({
      id: 'chatcmpl-bench',
      object: 'chat.completion.chunk',
      created: 1_700_000_000,
      model: 'bench',
      choices: [{ index: 0, delta, finish_reason: finish, logprobs: null }],
    })}\n\n`,
  );
const EVENT = chunk({ content: ' word' }, null);
const LAST = Buffer.concat([chunk({}, 'stop'), Buffer.from('data: [DONE]\n\n')]);

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  /** @type {Buffer[]} */
  const chunks = [];
  request.on('data', (bytes) => chunks.push(bytes));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString('latin1');
    if (/"stream":\s*true/.test(body))
      return stream(response, numberOf(body, 'max_tokens'), numberOf(body, 'seed'));
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': ANSWER.length });
    return response.end(ANSWER);
  });
});

function stream(response, count, paceMs) {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  let sent = 0;
  const writeOn = () => {
    if (response.destroyed) return;
    while (sent < count) {
      sent += 1;
      const isRoomLeft = response.write(EVENT);
      if (paceMs > 0) return void setTimeout(writeOn, paceMs);
      if (!isRoomLeft) return void response.once('drain', writeOn);
    }
    response.end(LAST);
  };
  writeOn();
}

function numberOf(body, name) {
  return Number(new RegExp(`"${name}":\\s*(\\d+)`).exec(body)?.[1] ?? 0);
}

server.listen(0, '127.0.0.1', () => process.stdout.write(`${JSON.stringify(server.address())}\n`));

/** The floor: thirty lines of Node that check a key and pass everything through. */
import { Agent, createServer, request as send } from 'node:http';

const [upstreamPort, key] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  if (request.headers.authorization !== `Bearer ${key}`) {
    response.writeHead(401).end();
    return;
  }
  const upstream = send(
    {
      agent,
      host: '127.0.0.1',
      port: upstreamPort,
      path: request.url,
      method: request.method,
      headers: {
        'content-type': request.headers['content-type'],
        'content-length': request.headers['content-length'],
      },
    },
    (answer) => {
      response.writeHead(answer.statusCode, { 'content-type': answer.headers['content-type'] });
      answer.pipe(response);
    },
  );
  upstream.on('error', () => response.destroy());
  request.pipe(upstream);
});

server.listen(0, '127.0.0.1', () => process.stdout.write(`${JSON.stringify(server.address())}\n`));

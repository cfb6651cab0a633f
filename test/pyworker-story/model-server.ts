#!/usr/bin/env node
/**
 * Stands in for a model server on a machine without one: says in its log that it is ready, as Text Embeddings
 * Inference and vLLM do, and answers embeddings, completions and reranking with what only a test would take for them.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { port: { type: 'string' } }, strict: false });

type Body = { readonly inputs?: unknown[]; readonly documents?: unknown[]; readonly stream?: boolean };

const server = createServer((request, response) => {
  if (request.url === '/health') response.end('{}');
  else read(request).then((body) => answer(request.url ?? '', body, response));
});

async function read(request: IncomingMessage): Promise<Body> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return JSON.parse(text);
}

function answer(path: string, body: Body, response: ServerResponse): void {
  if (path === '/v1/completions' && body.stream === true) stream(response);
  else if (path === '/v1/completions') json(response, { choices: [{ text: 'one two' }] });
  else if (path === '/embed')
    json(
      response,
      (body.inputs ?? []).map((_, at) => [at, 0.5]),
    );
  else if (path === '/v1/rerank') {
    const results = (body.documents ?? []).map((_, index) => ({ index, relevance_score: 1 }));
    json(response, { results });
  } else response.writeHead(404).end();
}

function stream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const text of ['one', 'two']) response.write(`data: ${JSON.stringify({ choices: [{ text }] })}\n\n`);
  response.end('data: [DONE]\n\n');
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

server.listen(Number(values.port), '127.0.0.1', () => {
  process.stdout.write('INFO: Application startup complete.\nINFO: Ready\n');
});

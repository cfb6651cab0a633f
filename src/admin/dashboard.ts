import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { answerNotFound } from './problems.ts';

/** What is never the dashboard's: a client that meets these gets a problem in JSON, never a page. */
const NOT_PAGES = /^\/(?:api|v1|metrics|healthz|readyz)(?:\/|$)/;
const YEAR_MS = 365 * 86_400_000;

/** What browsers may do with a page of ours: run and show what this server sends, and talk to it. */
export const CONTENT_SECURITY_POLICY = {
  useDefaults: false,
  directives: {
    'default-src': ["'none'"],
    'script-src': ["'self'"],
    'style-src': ["'self'"],
    'img-src': ["'self'", 'data:'],
    'font-src': ["'self'"],
    'connect-src': ["'self'"],
    'manifest-src': ["'self'"],
    'base-uri': ["'none'"],
    'form-action': ["'self'"],
    'frame-ancestors': ["'none'"],
  },
} as const;

/**
 * Serves the built dashboard of `directory` for whatever no route answers: files as they lie there, and its
 * one page for the addresses it makes up. The build may be replaced meanwhile; each request looks.
 */
export async function serveDashboard(app: FastifyInstance, directory: string): Promise<void> {
  await app.register(fastifyStatic, {
    root: directory,
    serve: false,
    preCompressed: true,
    suppressWarning: true,
    cacheControl: false,
  });
  app.setNotFoundHandler((request, reply) => answerOther(directory, request, reply));
}

function answerOther(directory: string, request: FastifyRequest, reply: FastifyReply) {
  const path = request.url.split('?')[0] ?? '/';
  if (!['GET', 'HEAD'].includes(request.method) || NOT_PAGES.test(path))
    return answerNotFound(request, reply);
  // Names of files in `assets` hold a hash of their content.
  if (path.startsWith('/assets/')) {
    if (!/^\/assets\/[\w.-]+$/.test(path) || !existsSync(join(directory, path)))
      return answerNotFound(request, reply);
    return reply.header('cache-control', `public, max-age=${YEAR_MS / 1_000}, immutable`).sendFile(path);
  }
  if (path !== '/' && !request.headers.accept?.includes('text/html')) return answerNotFound(request, reply);
  reply.header('cache-control', 'no-cache');
  if (existsSync(join(directory, 'index.html'))) return reply.sendFile('index.html');
  return reply
    .code(503)
    .type('text/plain; charset=utf-8')
    .send('The dashboard is not built. Build it with `npm run build:dashboard`, and load this page again.\n');
}

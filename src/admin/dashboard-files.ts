import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { answerNotFound } from './problems.ts';

/** Not the dashboard's: an unknown path below one of them is a problem and no page. */
const NOT_PAGES = /^\/(?:api|v1|metrics|healthz|readyz|assets)(?:\/|$)/;
/** Files beside index.html, such as an icon. */
const FILE_AT_ROOT = '/:file(^[\\w-]+\\.\\w+$)';
const NEVER_OLD = { cacheControl: false } as const;

/**
 * Serves what `npm run build:dashboard` made from `dir`, which need not be there, nor stay the same.
 *
 * Names below assets/ carry a hash of what is in them, so browsers keep them for a year. Every path that is a
 * page to people is the one index.html, whose own code knows its pages.
 */
export async function serveDashboard(app: FastifyInstance, dir: string): Promise<void> {
  await app.register(fastifyStatic, {
    root: join(dir, 'assets'),
    prefix: '/assets/',
    preCompressed: true,
    index: false,
    dotfiles: 'ignore',
    immutable: true,
    maxAge: '365d',
    // Said to whoever opens the page, and not at every start without one.
    suppressWarning: true,
  });
  const sendIndex = (reply: FastifyReply) =>
    existsSync(join(dir, 'index.html'))
      ? reply.header('cache-control', 'no-cache').sendFile('index.html', dir, NEVER_OLD)
      : reply.code(503).type('text/html; charset=utf-8').send(NOT_BUILT);

  app.get('/', { schema: { hide: true } }, async (_request, reply) => sendIndex(reply));
  app.get<{ Params: { file: string } }>(FILE_AT_ROOT, { schema: { hide: true } }, async (request, reply) => {
    const { file } = request.params;
    if (!existsSync(join(dir, file))) return answerNotFound(request, reply);
    return reply.header('cache-control', 'no-cache').sendFile(file, dir, NEVER_OLD);
  });
  app.setNotFoundHandler((request, reply) =>
    isForPeople(request) ? sendIndex(reply) : answerNotFound(request, reply),
  );
}

/** A browser says that it wants a page; a program that takes anything is told that there is nothing. */
function isForPeople({ method, url, headers }: FastifyRequest): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  return !NOT_PAGES.test(url.split('?')[0] ?? '') && /\btext\/html\b/.test(headers.accept ?? '');
}

const NOT_BUILT = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Leash: the dashboard is not built</title></head>
<body>
<h1>The dashboard is not built</h1>
<p>Run <code>npm run build:dashboard</code> where Leash is installed, then load this page again.</p>
<p>The API and the command line work without it: see <a href="/api/openapi.json">the API</a>, or
<code>leash --help</code>.</p>
</body>
</html>
`;

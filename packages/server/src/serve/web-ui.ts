import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ClewError } from '../errors.ts';
import { pathOf, sendError } from './error-answer.ts';

const notBuilt = `The web UI is not built.

Run this in the root of the repository, then start the server again:

    npm run build

The API answers meanwhile, under /clew/v1/.
`;

/** The bundler puts a hash of their content into the names of these files, which may end in that of an encoding. */
const hashed = /[\\/]assets[\\/]/;

/** Where the built files of `@clew/web` are. */
export function findWebRoot(): string {
  return join(dirname(createRequire(import.meta.url).resolve('@clew/web/package.json')), 'dist');
}

/**
 * Serves the web UI. Its addresses (`/search`, `/trace/…`) are not files: whatever no route and no file answers gets
 * the page itself when a browser asks for a page, and an error otherwise. Files are sent as the build has compressed them
 * (`index.js.br`, `index.js.gz`) to those who accept that.
 */
export function serveWebUi(app: FastifyInstance, root: string): void {
  const pageFile = join(root, 'index.html');
  const page = existsSync(pageFile) ? readFileSync(pageFile, 'utf8') : undefined;
  if (page !== undefined) {
    app.register(fastifyStatic, {
      root,
      index: false,
      preCompressed: true,
      cacheControl: false,
      setHeaders: (response, path) => {
        response.setHeader('Vary', 'Accept-Encoding');
        response.setHeader('Cache-Control', hashed.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache');
      },
    });
  }
  const sendPage = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    if (page === undefined) return answerNotBuilt(reply);
    const html = relativeTo(pathOf(request), page);
    return reply.code(200).header('Cache-Control', 'no-cache').type('text/html; charset=utf-8').send(html);
  };
  app.get('/', sendPage);
  app.setNotFoundHandler((request, reply) => {
    if (!wantsPage(request)) {
      const details = { method: request.method, path: pathOf(request) };
      return sendError(reply, new ClewError('CLEW_ADDRESS_NOT_FOUND', details));
    }
    return sendPage(request, reply);
  });
}

/**
 * The page with links (`./assets/…`) that lead from an address of this depth to the root: `../assets/…` from `/trace/1`.
 * They hold behind a proxy that serves the UI under a prefix, whatever it is.
 */
function relativeTo(path: string, page: string): string {
  return page.replaceAll('"./', `"./${'../'.repeat(path.split('/').length - 2)}`);
}

function wantsPage(request: FastifyRequest): boolean {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false;
  if (/^\/(clew|api|assets)\//.test(request.url)) return false;
  return request.headers.accept?.includes('text/html') === true;
}

function answerNotBuilt(reply: FastifyReply): FastifyReply {
  return reply.code(503).header('Cache-Control', 'no-store').type('text/plain; charset=utf-8').send(notBuilt);
}

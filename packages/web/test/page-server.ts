import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import type { TraceSummary } from '@clew/model';

/** What the server knows; a test may change it while pages are open. */
export interface PageContent {
  services: string[];
  traces: TraceSummary[];
  hasMore: boolean;
  /** Requests with spans that were refused. */
  refusedRequests: number;
  /** When set, an answer with a trace breaks off, or waits, after half of its bytes. */
  halfway: 'cut' | 'wait' | undefined;
  /** Native blocks by trace id. */
  readonly blocks: Map<string, Uint8Array>;
  /** When set, questions to the API must carry it. */
  token: string | undefined;
  /** When set, every question to the API is answered with it. */
  failure: { readonly status: number; readonly code: string; readonly message: string } | undefined;
}

export interface PageServer {
  readonly origin: string;
  readonly content: PageContent;
  /** Path and query of the API requests so far. */
  readonly requests: string[];
  close(): Promise<void>;
}

const dist = join(import.meta.dirname, '../../dist');
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

/** Serves the built pages, under the policy they are made for, and an API with the content of the test. */
export async function startPageServer(): Promise<PageServer> {
  const content: PageContent = {
    services: [],
    traces: [],
    hasMore: false,
    refusedRequests: 0,
    halfway: undefined,
    blocks: new Map(),
    failure: undefined,
    token: undefined,
  };
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://clew');
    if (!url.pathname.startsWith('/clew/')) {
      void sendFile(response, url.pathname);
      return;
    }
    requests.push(`${url.pathname}${url.search}`);
    const isKnown = content.token === undefined || request.headers.authorization === `Bearer ${content.token}`;
    if (isKnown) answer(response, url, content);
    else {
      response.writeHead(401, { 'content-type': 'application/json', 'www-authenticate': 'Bearer realm="clew"' });
      response.end(JSON.stringify({ code: 'CLEW_UNAUTHENTICATED', message: 'A bearer token is needed.' }));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    content,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function sendFile(response: ServerResponse, path: string): Promise<void> {
  // Every address that is not a file is a page, whose links lead up to the root as those of the real server do.
  const file = types[extname(path)] === undefined ? 'index.html' : path.slice(1);
  let bytes: string | Buffer | undefined = await readFile(join(dist, file)).catch(() => undefined);
  if (file === 'index.html') bytes = String(bytes).replaceAll('"./', `"./${'../'.repeat(path.split('/').length - 2)}`);
  response.writeHead(bytes === undefined ? 404 : 200, {
    'content-type': types[extname(file)] ?? 'application/octet-stream',
    'content-security-policy': "default-src 'self'",
  });
  response.end(bytes);
}

function answer(response: ServerResponse, url: URL, content: PageContent): void {
  const send = (status: number, value: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value));
  };
  if (content.failure !== undefined) {
    const { status, code, message } = content.failure;
    send(status, { code, message });
  } else if (url.pathname === '/clew/v1/services') send(200, { services: content.services });
  else if (url.pathname === '/clew/v1/receivers') {
    const receivers = [
      { receiver: 'otlp-http', url: 'http://0.0.0.0:24001' },
      { receiver: 'otlp-grpc', url: 'http://0.0.0.0:24002' },
    ];
    send(200, { receivers, needsToken: content.token !== undefined });
  } else if (url.pathname === '/clew/v1/stats') {
    const refused = content.refusedRequests === 0 ? {} : { unauthenticated: content.refusedRequests };
    send(200, { receivers: [{ receiver: 'otlp-http', refused }], rejectedSpans: {}, droppedSpans: {} });
  } else if (url.pathname === '/clew/v1/operations') send(200, { operations: ['GET /', 'GET /products'] });
  else if (url.pathname === '/clew/v1/search') {
    const end = Number(url.searchParams.get('end') ?? Date.now());
    const start = Number(url.searchParams.get('start') ?? end - 3_600_000);
    send(200, { traces: content.traces, hasMore: content.hasMore, start, end });
  } else {
    const traceId = url.pathname.split('/').at(-1)!;
    const block = content.blocks.get(traceId);
    if (block === undefined) {
      send(404, { code: 'CLEW_TRACE_NOT_FOUND', message: `There is no trace ${traceId}.` });
      return;
    }
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    if (content.halfway === undefined) response.end(block);
    else
      response.write(block.subarray(0, block.length / 2), () => {
        if (content.halfway === 'cut') response.destroy();
      });
  }
}

import * as http from 'node:http';
import type { ResolvedExportOptions } from './export-options.ts';

/** What came of one POST. */
export type PostResult =
  | { readonly status: number; readonly retryAfter: string | undefined; readonly body: Uint8Array }
  | { readonly error: NodeJS.ErrnoException };

/** Sends request bodies to one address over connections that are kept, and that never keep the process alive. */
export interface Poster {
  post(body: Uint8Array): Promise<PostResult>;
  /** Closes the connections; what is on its way fails. */
  close(): void;
}

// Collectors answer with a few bytes; an error page is cut off here.
const maxAnswerBytes = 65_536;

// An unref'd socket still holds the process while it connects, so that must not take long.
const connectTimeoutMs = 3_000;

export async function openPoster(options: ResolvedExportOptions): Promise<Poster> {
  const isSecure = options.url.protocol === 'https:';
  // TLS takes as long to load as all the rest; most collectors are on the same machine or network.
  const { Agent, request } = isSecure ? await import('node:https') : http;
  const agent = new Agent({ keepAlive: true });
  const gzip = options.compression === 'gzip' ? await loadGzip() : undefined;
  const send = (body: Uint8Array, retriesLeft: number): Promise<PostResult> =>
    postOnce(request, agent, options, body, gzip !== undefined).then((result) =>
      'error' in result && result.isStale && retriesLeft > 0 ? send(body, retriesLeft - 1) : result,
    );
  return {
    post: async (body) => send(gzip === undefined ? body : await gzip(body), maxStaleConnections),
    close: () => agent.destroy(),
  };
}

// A kept connection that the collector closed at the very moment fails at once; the next may be as old.
const maxStaleConnections = 3;

type Attempt = PostResult & { readonly isStale?: boolean };

function postOnce(
  request: typeof http.request,
  agent: http.Agent,
  options: ResolvedExportOptions,
  body: Uint8Array,
  isCompressed: boolean,
): Promise<Attempt> {
  return new Promise((resolve) => {
    const { url, timeoutMs } = options;
    const headers = {
      ...options.headers,
      'content-type': 'application/x-protobuf',
      'content-length': String(body.length),
      ...(isCompressed && { 'content-encoding': 'gzip' }),
    };
    const outgoing = request(url, { method: 'POST', agent, headers });
    const timers = [failAfter(outgoing, timeoutMs, `no answer within ${timeoutMs} ms`)];
    const settle = (result: Attempt): void => {
      for (const timer of timers) clearTimeout(timer);
      resolve(result);
    };
    outgoing.on('socket', (socket) => {
      socket.unref();
      if (!socket.connecting) return;
      const timer = failAfter(outgoing, connectTimeoutMs, `no connection within ${connectTimeoutMs} ms`);
      timers.push(timer);
      socket.once('connect', () => clearTimeout(timer));
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      const isStale = outgoing.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
      settle({ error, isStale });
    });
    outgoing.on('response', (response) => readAnswer(response, settle));
    outgoing.end(body);
  });
}

function readAnswer(response: http.IncomingMessage, settle: (result: PostResult) => void): void {
  const chunks: Buffer[] = [];
  let length = 0;
  response.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= maxAnswerBytes) chunks.push(chunk);
  });
  response.on('end', () => {
    const retryAfter = response.headers['retry-after'];
    settle({ status: response.statusCode ?? 0, retryAfter, body: Buffer.concat(chunks) });
  });
  response.on('error', (error) => settle({ error }));
}

function failAfter(outgoing: http.ClientRequest, ms: number, message: string): NodeJS.Timeout {
  const timer = setTimeout(() => outgoing.destroy(Object.assign(new Error(message), { code: 'ETIMEDOUT' })), ms);
  return timer.unref();
}

async function loadGzip(): Promise<(body: Uint8Array) => Promise<Uint8Array>> {
  const { gzip } = await import('node:zlib');
  return (body) =>
    new Promise((resolve, reject) => {
      gzip(body, (error, compressed) => (error === null ? resolve(compressed) : reject(error)));
    });
}

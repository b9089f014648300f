import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Agent as HttpsAgent, RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import { http } from '../builtin-modules.ts';
import { openTunnel, proxyAuthorization } from './proxy.ts';
import { connectTimeoutMs, type Target } from './target.ts';

/** What came of one POST. */
export type PostResult =
  | {
      readonly status: number;
      readonly retryAfter: string | undefined;
      readonly contentType: string | undefined;
      readonly body: Uint8Array;
    }
  | { readonly error: NodeJS.ErrnoException };

/** Sends request bodies to one address over connections that are kept, and that never keep the process alive. */
export interface Poster {
  post(body: Uint8Array): Promise<PostResult>;
  /** Closes the connections; what is on its way fails. */
  close(): void;
}

// Collectors answer with a few bytes; an error page is cut off here.
const maxAnswerBytes = 65_536;

export async function openPoster(target: Target, contentType: string): Promise<Poster> {
  const isSecure = target.url.startsWith('https:');
  // TLS takes as long to load as all the rest; most collectors are on the same machine or network.
  const { Agent, request } = isSecure ? await import('node:https') : http;
  const agent = new Agent({ keepAlive: true, ...target.tls });
  const gzip = target.compression === 'gzip' ? await loadGzip() : undefined;
  const url = new URL(target.url);
  const proxy = target.proxy === undefined ? undefined : new URL(target.proxy);
  if (proxy !== undefined && isSecure) await connectByTunnel(agent as HttpsAgent, proxy.href, url);
  const options: RequestOptions = {
    method: 'POST',
    agent,
    ...(target.socketPath !== undefined && { socketPath: target.socketPath }),
    ...(proxy !== undefined && !isSecure && throughProxy(proxy, url)),
    headers: {
      ...(proxy !== undefined && !isSecure && proxyHeaders(proxy, url)),
      ...target.headers,
      'content-type': contentType,
      ...(gzip !== undefined && { 'content-encoding': 'gzip' }),
    },
  };
  const open: OpenRequest = (length) => {
    const headers = { ...options.headers, 'content-length': String(length) };
    return request(url, { ...options, headers });
  };
  const send = (body: Uint8Array, retriesLeft: number): Promise<PostResult> =>
    postOnce(open, target.timeoutMs, body).then((result) =>
      'error' in result && result.isStale && retriesLeft > 0 ? send(body, retriesLeft - 1) : result,
    );
  return {
    post: async (body) => send(gzip === undefined ? body : await gzip(body), maxStaleConnections),
    close: () => agent.destroy(),
  };
}

/** Without TLS, a proxy is asked for the whole URL. */
function throughProxy(proxy: URL, url: URL): RequestOptions {
  return { host: proxy.hostname, hostname: proxy.hostname, port: proxy.port || 80, path: url.href };
}

function proxyHeaders(proxy: URL, url: URL): Record<string, string> {
  const authorization = proxyAuthorization(proxy);
  return { host: url.host, ...(authorization !== undefined && { 'proxy-authorization': authorization }) };
}

/** With TLS, a proxy is asked for a connection to the collector, and sees nothing of what goes through it. */
async function connectByTunnel(agent: HttpsAgent, proxy: string, url: URL): Promise<void> {
  const { connect } = await import('node:tls');
  type Connected = (error: Error | null, socket?: Duplex) => void;
  const tunnelling = agent as unknown as { createConnection: (options: ConnectionOptions, then: Connected) => void };
  tunnelling.createConnection = (options, then) => {
    openTunnel(proxy, url).then((socket) => then(null, connect({ ...options, socket })), then);
  };
}

type OpenRequest = (contentLength: number) => ClientRequest;

// A kept connection that the collector closed at the very moment fails at once; the next may be as old.
const maxStaleConnections = 3;

type Attempt = PostResult & { readonly isStale?: boolean };

function postOnce(open: OpenRequest, timeoutMs: number, body: Uint8Array): Promise<Attempt> {
  return new Promise((resolve) => {
    const outgoing = open(body.length);
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

function readAnswer(response: IncomingMessage, settle: (result: PostResult) => void): void {
  const chunks: Buffer[] = [];
  let length = 0;
  response.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= maxAnswerBytes) chunks.push(chunk);
  });
  response.on('end', () => {
    const { 'retry-after': retryAfter, 'content-type': contentType } = response.headers;
    settle({ status: response.statusCode ?? 0, retryAfter, contentType, body: Buffer.concat(chunks) });
  });
  response.on('error', (error) => settle({ error }));
}

function failAfter(outgoing: ClientRequest, ms: number, message: string): NodeJS.Timeout {
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

import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export interface CollectedRequest {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** An HTTP server that keeps what is posted to it; for formats that the OTLP sink does not read. */
export class CollectingServer {
  readonly requests: CollectedRequest[] = [];
  /** Answers a request; 200 without a body unless set. */
  answer: (request: CollectedRequest, response: ServerResponse) => void = (_request, response) => response.end();
  readonly server: Server;
  private readonly waiting = new Set<() => void>();

  private constructor(tls: ServerOptions | undefined) {
    const listener = (request: import('node:http').IncomingMessage, response: ServerResponse): void => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const collected = { url: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks) };
        this.requests.push(collected);
        this.answer(collected, response);
        for (const resolve of this.waiting) resolve();
        this.waiting.clear();
      });
    };
    this.server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
  }

  /** @param where a path for a unix socket; default: a free port. */
  static async start(t: TestContext, where?: { socketPath?: string; tls?: ServerOptions }): Promise<CollectingServer> {
    const collecting = new CollectingServer(where?.tls);
    if (where?.socketPath === undefined) collecting.server.listen(0, '127.0.0.1');
    else collecting.server.listen(where.socketPath);
    await once(collecting.server, 'listening');
    t.after(() => {
      collecting.server.closeAllConnections();
      collecting.server.close();
    });
    return collecting;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Resolves when so many requests were answered. */
  async waitFor(count: number): Promise<CollectedRequest[]> {
    while (this.requests.length < count) {
      await new Promise<void>((resolve) => {
        this.waiting.add(resolve);
      });
    }
    return this.requests;
  }
}

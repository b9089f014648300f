import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { type DoctorSpan, readSpans } from './doctor-spans.ts';

/** How the collector that the app is configured for has answered. */
export interface CollectorAnswer {
  readonly url: string;
  /** Of the newest request; undefined when there was no answer. */
  readonly status: number | undefined;
  /** Why there was none; or what cannot be found out here. */
  readonly error: string | undefined;
}

// More than the largest request that the SDK makes.
const maxBodyBytes = 64 * 1_048_576;
const forwardTimeoutMs = 3_000;

/**
 * A collector on a free port of this machine: keeps all spans for the diagnosis, answers at once, and passes every
 * request on to the collector that the app is configured for.
 */
export class DoctorCollector {
  readonly spans: DoctorSpan[] = [];
  private readonly target: URL;
  private readonly server = createServer((request, response) => {
    this.take(request, response).catch(() => response.destroy());
  });
  private status: number | undefined;
  private error: string | undefined;
  private readonly forwards = new Set<Promise<void>>();

  private constructor(target: URL) {
    this.target = target;
  }

  /** @param target the configured endpoint, path included. */
  static async start(target: URL): Promise<DoctorCollector> {
    const collector = new DoctorCollector(target);
    collector.server.listen(0, '127.0.0.1');
    await once(collector.server, 'listening');
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1/traces`;
  }

  /** Awaits what is still being passed on; asks the configured collector with an empty request if nothing was. */
  async finish(env: NodeJS.ProcessEnv): Promise<CollectorAnswer> {
    if (this.status === undefined && this.error === undefined && this.forwards.size === 0) {
      this.forward(Buffer.alloc(0), { ...headersOf(env), 'content-type': 'application/x-protobuf' });
    }
    await Promise.all(this.forwards);
    const { origin, pathname } = this.target;
    return { url: `${origin}${pathname}`, status: this.status, error: this.error };
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBodyBytes) {
        response.writeHead(413).end();
        return;
      }
      chunks.push(chunk);
    }
    const body = Buffer.concat(chunks);
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    this.spans.push(...readSpans(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body));
    this.forward(body, request.headers);
  }

  private forward(body: Buffer, headers: IncomingHttpHeaders): void {
    const work = (usesGrpc(this.target) ? this.knock() : this.post(body, headers))
      .then((status) => {
        this.status = status;
        this.error = undefined;
      })
      .catch((error: Error & { code?: string; cause?: { code?: string } }) => {
        this.status = undefined;
        this.error = error.code ?? error.cause?.code ?? error.message;
      })
      .finally(() => this.forwards.delete(work));
    this.forwards.add(work);
  }

  private async post(body: Buffer, headers: IncomingHttpHeaders): Promise<number> {
    const { host: _, connection: __, 'content-length': ___, 'transfer-encoding': ____, ...kept } = headers;
    const response = await fetch(this.target, {
      method: 'POST',
      body,
      headers: kept as Record<string, string>,
      signal: AbortSignal.timeout(forwardTimeoutMs),
    });
    await response.arrayBuffer();
    return response.status;
  }

  /** gRPC is not spoken here: whether somebody listens is all that can be said. */
  private async knock(): Promise<number | undefined> {
    const socket = connect(Number(this.target.port), this.target.hostname);
    socket.setTimeout(forwardTimeoutMs, () => socket.destroy(new Error('no connection in time')));
    try {
      await once(socket, 'connect');
      return undefined;
    } finally {
      socket.destroy();
    }
  }
}

function usesGrpc(target: URL): boolean {
  return target.port === '4317';
}

/** The endpoint for traces that the environment names, as the SDK reads it. */
export function endpointOf(env: NodeJS.ProcessEnv): URL {
  const traces = parseUrl(env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT);
  if (traces !== undefined) return traces;
  const isGrpc = (env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL || env.OTEL_EXPORTER_OTLP_PROTOCOL) === 'grpc';
  const base = parseUrl(env.OTEL_EXPORTER_OTLP_ENDPOINT) ?? new URL(`http://localhost:${isGrpc ? 4317 : 4318}`);
  if (!usesGrpc(base)) base.pathname = `${base.pathname.replace(/\/$/, '')}/v1/traces`;
  return base;
}

function parseUrl(text: string | undefined): URL | undefined {
  const trimmed = text?.trim() ?? '';
  const url = URL.canParse(trimmed) ? new URL(trimmed) : undefined;
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined;
}

function headersOf(env: NodeJS.ProcessEnv): Record<string, string> {
  const pairs = `${env.OTEL_EXPORTER_OTLP_HEADERS ?? ''},${env.OTEL_EXPORTER_OTLP_TRACES_HEADERS ?? ''}`.split(',');
  return Object.fromEntries(
    pairs
      .filter((pair) => pair.indexOf('=') > 0)
      .map((pair) => [pair.slice(0, pair.indexOf('=')).trim(), pair.slice(pair.indexOf('=') + 1).trim()]),
  );
}

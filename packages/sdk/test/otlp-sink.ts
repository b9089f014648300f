import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { countSpans, decodeTraceRequest, type SinkSpan } from './otlp-decoding.js';

/** What was sent; decoded when somebody looks. */
export class SinkRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  private readonly body: Buffer;
  private decoded: readonly SinkSpan[] | undefined;

  constructor(path: string, headers: Readonly<Record<string, string>>, body: Buffer) {
    this.path = path;
    this.headers = headers;
    this.body = body;
  }

  get spans(): readonly SinkSpan[] {
    this.decoded ??= decodeTraceRequest(this.body);
    return this.decoded;
  }

  get spanCount(): number {
    return countSpans(this.body);
  }
}

/** What the sink answers: 200 and nothing, unless told otherwise. */
export interface SinkAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/**
 * A collector: takes OTLP/HTTP protobuf on a free port and keeps what it was sent. Made of plain sockets, so that it can
 * live in the process that is traced without becoming part of the traces.
 */
export class OtlpSink {
  /** What was answered with 200. */
  readonly requests: SinkRequest[] = [];
  /** How many requests came, refused ones too. */
  received = 0;
  /** Decides on the answer to each request. */
  answer: ((request: SinkRequest) => SinkAnswer | Promise<SinkAnswer>) | undefined;
  private readonly sockets = new Set<Socket>();
  private readonly waiting = new Set<() => void>();
  private readonly server = createServer((socket) => {
    this.sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => this.sockets.delete(socket));
    this.serve(socket).catch((error: unknown) => socket.destroy(error as Error));
  });

  static async start(port = 0): Promise<OtlpSink> {
    const sink = new OtlpSink();
    sink.server.listen(port, '127.0.0.1');
    await once(sink.server, 'listening');
    return sink;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get spans(): SinkSpan[] {
    return this.requests.flatMap((request) => request.spans);
  }

  /** Resolves with all spans as soon as they are enough; rejects after ten seconds, with what there is. */
  async waitFor(enough: number | ((spans: SinkSpan[]) => boolean)): Promise<SinkSpan[]> {
    const isEnough = typeof enough === 'number' ? (spans: SinkSpan[]) => spans.length >= enough : enough;
    await this.waitUntil(() => isEnough(this.spans));
    return this.spans;
  }

  /** Resolves when `condition` holds; looked at after every request. */
  async waitUntil(condition: () => boolean): Promise<void> {
    let giveUp: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_resolve, reject) => {
      const names = (): string => this.spans.map((span) => span.name).join(', ');
      giveUp = setTimeout(() => reject(new Error(`waited in vain; spans so far: ${names()}`)), 10_000);
    });
    while (!condition()) {
      const next = new Promise<void>((resolve) => {
        this.waiting.add(resolve);
      });
      await Promise.race([next, timeout]);
    }
    clearTimeout(giveUp);
  }

  /** Forgets what came so far. */
  clear(): void {
    this.requests.length = 0;
    this.received = 0;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async serve(socket: Socket): Promise<void> {
    let pending = Buffer.alloc(0);
    for await (const chunk of socket) {
      pending = Buffer.concat([pending, chunk as Buffer]);
      for (;;) {
        const headEnd = pending.indexOf('\r\n\r\n');
        if (headEnd < 0) break;
        const [first = '', ...lines] = pending.toString('latin1', 0, headEnd).split('\r\n');
        const headers = Object.fromEntries(
          lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
        );
        const end = headEnd + 4 + Number(headers['content-length']);
        if (pending.length < end) break;
        const body = pending.subarray(headEnd + 4, end);
        pending = pending.subarray(end);
        await this.take(socket, first.split(' ')[1] ?? '', headers, body);
      }
    }
  }

  private async take(socket: Socket, path: string, headers: Record<string, string>, raw: Buffer): Promise<void> {
    const request = new SinkRequest(path, headers, headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw);
    const answer = (await this.answer?.(request)) ?? {};
    const { status = 200, body = new Uint8Array() } = answer;
    const lines = Object.entries({ ...answer.headers, 'Content-Length': String(body.length) });
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    socket.write(`HTTP/1.1 ${status} Whatever\r\n${head}\r\n`);
    socket.write(body);
    this.received++;
    if (status === 200) this.requests.push(request);
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }
}

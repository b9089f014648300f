import { connect, type Socket } from 'node:net';

/** What is sent before the first answer is awaited. */
const maxInFlight = 32;

/**
 * HTTP/1.1 with many requests under way on one connection, whose answers come in order. Bodies of answers are dropped.
 * A connection that the server ends is opened anew for what is still unanswered.
 */
export class Pipeline {
  readonly #url: URL;
  readonly #headers: string;
  #socket: Socket | undefined;
  #received: Buffer = Buffer.alloc(0);
  readonly #waiting: ((status: number) => void)[] = [];
  #drained: (() => void) | undefined;

  constructor(url: string, contentType: string) {
    this.#url = new URL(url);
    this.#headers = `POST ${this.#url.pathname} HTTP/1.1\r\nHost: ${this.#url.host}\r\nContent-Type: ${contentType}\r\n`;
  }

  /** Gives a promise of the status, 0 for a connection that broke, as soon as there is room for another request. */
  async post(body: Uint8Array): Promise<{ readonly status: Promise<number> }> {
    while (this.#waiting.length >= maxInFlight) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    this.#socket ??= this.#connect();
    const status = new Promise<number>((resolve) => this.#waiting.push(resolve));
    this.#socket.write(`${this.#headers}Content-Length: ${body.length}\r\n\r\n`);
    this.#socket.write(body);
    return { status };
  }

  close(): void {
    this.#socket?.destroy();
  }

  #connect(): Socket {
    const socket = connect(Number(this.#url.port), this.#url.hostname).setNoDelay();
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      while (this.#readAnswer());
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#socket = undefined;
      this.#received = Buffer.alloc(0);
      for (const settle of this.#waiting.splice(0)) settle(0);
      this.#drained?.();
    });
    return socket;
  }

  #readAnswer(): boolean {
    const headerEnd = this.#received.indexOf('\r\n\r\n');
    if (headerEnd < 0) return false;
    const header = this.#received.toString('latin1', 0, headerEnd);
    const length = Number(/^content-length: (\d+)/im.exec(header)?.[1] ?? 0);
    // Chunked answers end with an empty chunk; ours are short and come in one piece.
    const chunked = /^transfer-encoding: chunked/im.test(header);
    const end = chunked ? this.#received.indexOf('0\r\n\r\n', headerEnd) + 5 : headerEnd + 4 + length;
    if (end < headerEnd + 4 || this.#received.length < end) return false;
    this.#received = this.#received.subarray(end);
    this.#waiting.shift()?.(Number(header.slice(9, 12)));
    this.#drained?.();
    return true;
  }
}

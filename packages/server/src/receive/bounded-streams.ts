import type { ServerHttp2Stream } from 'node:http2';

/**
 * Streams of gRPC that hold nothing of the budget for requests: health checks, which ask for no token, and calls that are
 * answered while their callers still send, or do not take the answer. Each is there for a moment as a rule; when there are
 * too many, the oldest is cut off, so that many that say nothing are in nobody's way.
 */
export class BoundedStreams {
  readonly #max: number;
  readonly #oldestFirst = new Map<ServerHttp2Stream, () => void>();
  readonly #refused = new WeakSet<ServerHttp2Stream>();

  constructor(max: number) {
    this.#max = max;
  }

  /** How many there are. */
  get size(): number {
    return this.#oldestFirst.size;
  }

  /** @param cutOff ends the stream; when it is added again, the newer one counts */
  add(stream: ServerHttp2Stream, cutOff: () => void): void {
    // It is being answered with a refusal: added again, it would push out the next one, and so on.
    if (this.#refused.has(stream)) return;
    if (!this.#oldestFirst.has(stream)) stream.once('close', () => this.#oldestFirst.delete(stream));
    this.#oldestFirst.set(stream, cutOff);
    if (this.#oldestFirst.size <= this.#max) return;
    const [oldest, cutOffOldest] = this.#oldestFirst.entries().next().value!;
    this.#oldestFirst.delete(oldest);
    this.#refused.add(oldest);
    cutOffOldest();
  }
}

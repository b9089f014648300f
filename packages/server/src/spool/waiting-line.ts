/** Senders give up after five seconds, or more: so they have it by default. */
const maxWaitMs = 2_000;

/** Of a request whose length is not known, or known only compressed. */
const leastBytes = 64 * 1024;

interface Waiter {
  readonly bytes: number;
  readonly enter: () => void;
}

/**
 * Requests whose bodies are not read yet, because the next stage is busy or has no room; oldest first. A request that waits
 * costs no more than its connection takes in unread, which the receivers count, and its sender is slowed down. What is read
 * only to be refused takes the time of the thread that also writes the spool and feeds the engine: under ten times the
 * capacity, nearly all of it.
 */
export class WaitingLine {
  readonly #readRoom: () => number;
  readonly #waiting: Waiter[] = [];
  #waited = 0;

  /** @param readRoom the bytes that there is room for; none or less when there is none */
  constructor(readRoom: () => number) {
    this.#readRoom = readRoom;
  }

  /** How many had to wait so far. */
  get waited(): number {
    return this.#waited;
  }

  /**
   * Resolves at once while there is room, otherwise when {@link letIn} has come to it, or after two seconds.
   *
   * @param bytes of the request, or 0 when they are not known
   */
  enter(bytes: number): Promise<void> {
    if (this.#readRoom() > 0) return Promise.resolve();
    this.#waited++;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        resolve();
      }, maxWaitMs);
      const waiter = {
        bytes,
        enter: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      this.#waiting.push(waiter);
    });
  }

  /** Lets those in that have waited longest, until they fill the room. To be called whenever there is more of it. */
  letIn(): void {
    for (let left = this.#readRoom(); left > 0 && this.#waiting.length > 0; ) {
      const waiter = this.#waiting.shift()!;
      left -= Math.max(waiter.bytes, leastBytes);
      waiter.enter();
    }
  }
}

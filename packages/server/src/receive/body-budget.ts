import { OtlpError } from './otlp-error.ts';

/** What a request under way holds, for as long as it can be made to give it back. */
export interface Holder {
  readonly heldBytes: number;
  /** How fast it came in the last second, as a share of what it holds; Infinity when that is not known or is done. */
  readonly pace: number;
  /** Whether it came more slowly than is allowed in that second. */
  readonly isBehind: boolean;
  /** To be called once a second. */
  measure(): void;
  /** After a second in which the process was too busy to read: nothing can be told of the sender. */
  skipMeasure(): void;
  /** Ends the request with this error and gives back what it holds, before it returns. */
  giveWay(error: Error): void;
}

export interface BodyBudgetOptions {
  /** Of all requests together, as they come over the wire. */
  readonly maxBytes: number;
  /** How long a request may take to come. */
  readonly requestTimeoutMs: number;
}

const measureEveryMs = 1_000;

/**
 * Memory for the requests that are being read, over all receivers, connections and tenants: one limit a request bounds
 * nothing when a thousand come at once.
 *
 * ```
 * budget   share (a tenant)   holder, holder, …     what a request holds: its head, its body so far
 *          share (a tenant)   holder, …
 * ```
 *
 * When it is full, a request that wants more is not simply refused. The tenant that holds the most gives way to one that
 * would still hold less, and a request that comes too slowly gives way to any other: nobody keeps the memory of all by
 * sending slowly, or not at all. What gives way is told to come again.
 */
export class BodyBudget {
  readonly #maxBytes: number;
  readonly #secondsToFill: number;
  readonly #shares: BodyShare[] = [];
  #heldBytes = 0;
  #measureTimer: NodeJS.Timeout | undefined;

  constructor({ maxBytes, requestTimeoutMs }: BodyBudgetOptions) {
    this.#maxBytes = maxBytes;
    this.#secondsToFill = (2 * requestTimeoutMs) / 1000;
  }

  /** Of all requests now. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** That of one tenant, to be made once. */
  createShare(): BodyShare {
    const share = new BodyShare({
      secondsToFill: this.#secondsToFill,
      grant: (bytes) => this.#grant(share, bytes),
      takeBack: (bytes) => {
        this.#heldBytes -= bytes;
      },
      startMeasuring: () => this.#startMeasuring(),
    });
    this.#shares.push(share);
    return share;
  }

  #grant(share: BodyShare, bytes: number): void {
    while (this.#heldBytes + bytes > this.#maxBytes) {
      const holder = this.#findOneToGiveWay(share, bytes);
      if (holder === undefined) {
        throw new OtlpError(
          503,
          `The requests under way hold ${this.#heldBytes} bytes; the limit is ${this.#maxBytes}. Send again later.`,
          'too_much_waiting',
        );
      }
      holder.giveWay(
        new OtlpError(
          503,
          'The request gave way to others: there was no room for all. Send again.',
          'too_much_waiting',
        ),
      );
    }
    this.#heldBytes += bytes;
  }

  #findOneToGiveWay(asking: BodyShare, bytes: number): Holder | undefined {
    const most = this.#shares.reduce((a, b) => (b.heldBytes > a.heldBytes ? b : a));
    if (most.heldBytes > asking.heldBytes + bytes) {
      const slowest = findLeast(most.holders, ({ pace }) => pace);
      if (slowest !== undefined) return slowest;
    }
    const behind = this.#shares.flatMap(({ holders }) => [...holders].filter(({ isBehind }) => isBehind));
    return findLeast(behind, ({ heldBytes }) => -heldBytes);
  }

  #startMeasuring(): void {
    if (this.#measureTimer !== undefined) return;
    const dueMs = performance.now() + measureEveryMs;
    this.#measureTimer = setTimeout(() => {
      this.#measureTimer = undefined;
      const isLate = performance.now() - dueMs > measureEveryMs / 2;
      for (const { holders } of this.#shares) {
        for (const holder of [...holders]) isLate ? holder.skipMeasure() : holder.measure();
      }
      if (this.#shares.some(({ holders }) => holders.size > 0)) this.#startMeasuring();
    }, measureEveryMs).unref();
  }
}

interface BudgetOfShare {
  readonly secondsToFill: number;
  readonly grant: (bytes: number) => void;
  readonly takeBack: (bytes: number) => void;
  readonly startMeasuring: () => void;
}

/** What the requests of one tenant hold of the budget. */
export class BodyShare {
  readonly #budget: BudgetOfShare;
  readonly holders: Set<Holder> = new Set();
  #heldBytes = 0;

  constructor(budget: BudgetOfShare) {
    this.#budget = budget;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Within how many seconds a sender must be able to fill what it holds. */
  get secondsToFill(): number {
    return this.#budget.secondsToFill;
  }

  /** @throws OtlpError 503 when there is no room; nothing is held then */
  hold(bytes: number): void {
    this.#budget.grant(bytes);
    this.#heldBytes += bytes;
  }

  release(bytes: number): void {
    this.#budget.takeBack(bytes);
    this.#heldBytes -= bytes;
  }

  /** From here on it may be made to give way. */
  add(holder: Holder): void {
    this.holders.add(holder);
    this.#budget.startMeasuring();
  }
}

function findLeast<Item>(items: Iterable<Item>, measure: (item: Item) => number): Item | undefined {
  let least: Item | undefined;
  let leastMeasure = Number.POSITIVE_INFINITY;
  for (const item of items) {
    const measured = measure(item);
    if (least !== undefined && measured >= leastMeasure) continue;
    least = item;
    leastMeasure = measured;
  }
  return least;
}

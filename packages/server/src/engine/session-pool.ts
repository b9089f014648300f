import type { Session } from 'chdb';

/** Reads and writes wait in lanes of their own, so that neither can starve the other. */
export type Lane = 'read' | 'write';

/** One session, for the time of one statement. */
export interface Lease {
  readonly session: Session;
  /** Says that the session is in an unknown state: it is closed after this statement and a fresh one takes its place. */
  spoil(): void;
}

/** Thrown when a lane has no place left to wait. */
export class LaneFullError extends Error {
  override readonly name = 'LaneFullError';
}

interface Waiter {
  readonly start: () => void;
}

/**
 * A few sessions on one data directory. Statements on one session run one after another, on several side by side.
 *
 * ```
 *   read  lane: [ w w w ]──┐   the lanes take turns;      ┌─ session
 *                          ├── a lane never takes the ────┼─ session
 *   write lane: [ w ]──────┘   last session for itself    └─ session
 * ```
 */
export class SessionPool {
  readonly #reopen: () => Session;
  readonly #maxQueued: number;
  readonly #maxPerLane: number;
  readonly #idle: Session[];
  readonly #waiting: Record<Lane, Waiter[]> = { read: [], write: [] };
  readonly #running: Record<Lane, number> = { read: 0, write: 0 };
  #lastLane: Lane = 'write';
  #idleListeners: (() => void)[] = [];

  /** The pool owns the sessions from now on; `reopen` gives one in place of a spoilt one. */
  constructor(sessions: readonly Session[], reopen: () => Session, maxQueued: number) {
    this.#idle = [...sessions];
    this.#reopen = reopen;
    this.#maxQueued = maxQueued;
    this.#maxPerLane = Math.max(1, sessions.length - 1);
  }

  /**
   * Runs `work` with a session of its own, after waiting for a free one.
   * Rejects with {@link LaneFullError} when too many wait, and with the signal's reason when it is aborted while waiting.
   */
  async run<Result>(lane: Lane, signal: AbortSignal, work: (lease: Lease) => Promise<Result>): Promise<Result> {
    const session = await this.#acquire(lane, signal);
    let spoilt = false;
    try {
      return await work({
        session,
        spoil: () => {
          spoilt = true;
        },
      });
    } finally {
      this.#release(lane, spoilt ? this.#replace(session) : session);
    }
  }

  /** Resolves when no statement runs and none waits. */
  async drain(): Promise<void> {
    if (this.#isIdle()) return;
    await new Promise<void>((resolve) => {
      this.#idleListeners.push(resolve);
    });
  }

  /** Closes the idle sessions; call it after {@link drain}. */
  close(): void {
    for (const session of this.#idle.splice(0)) session.close();
  }

  #acquire(lane: Lane, signal: AbortSignal): Promise<Session> {
    const queue = this.#waiting[lane];
    if (queue.length >= this.#maxQueued) {
      return Promise.reject(new LaneFullError(`${queue.length} ${lane}s wait, which is the limit.`));
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        start: () => {
          signal.removeEventListener('abort', abort);
          resolve(this.#idle.pop()!);
        },
      };
      const abort = (): void => {
        queue.splice(queue.indexOf(waiter), 1);
        reject(signal.reason);
        this.#announceIdle();
      };
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      queue.push(waiter);
      this.#startNext();
    });
  }

  #startNext(): void {
    const other: Lane = this.#lastLane === 'read' ? 'write' : 'read';
    for (const lane of [other, this.#lastLane] as const) {
      if (this.#idle.length === 0) return;
      if (this.#running[lane] >= this.#maxPerLane) continue;
      const waiter = this.#waiting[lane].shift();
      if (waiter === undefined) continue;
      this.#lastLane = lane;
      this.#running[lane] += 1;
      waiter.start();
    }
  }

  #release(lane: Lane, session: Session): void {
    this.#running[lane] -= 1;
    this.#idle.push(session);
    this.#startNext();
    this.#announceIdle();
  }

  #replace(session: Session): Session {
    const fresh = this.#reopen();
    session.close();
    return fresh;
  }

  #isIdle(): boolean {
    const { read, write } = this.#running;
    return read + write + this.#waiting.read.length + this.#waiting.write.length === 0;
  }

  #announceIdle(): void {
    if (!this.#isIdle()) return;
    for (const listener of this.#idleListeners.splice(0)) listener();
  }
}

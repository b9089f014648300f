import { StoreError } from './store-error.ts';

/** Queries of one tenant that may wait; more would only wait until their deadline. */
const maxWaitingPerTenant = 64;

/** The share of all turns that one tenant can have, where there are others. */
const tenantShare = 3 / 4;

/** Gives the turn back; a second call does nothing. */
export type Release = () => void;

interface Waiter {
  readonly start: () => void;
}

/**
 * Which query may use the store next. A turn is a statement that runs: in the embedded engine, a session for reads.
 *
 * ```
 *   tenant A: [ w w w w w w ]──┐  the tenants take turns,   ┌─ statement
 *                              ├─ and none of them gets ────┤
 *   tenant B: [ w ]────────────┘  the last one for itself   └─ statement
 * ```
 *
 * Inserts and the jobs in the background do not pass here; the engine keeps a session for writes.
 */
export class QueryTurns {
  readonly #turns: number;
  readonly #tenants: TenantTurns[] = [];
  #running = 0;
  #next = 0;

  /** @param turns statements that run at the same time, of all tenants together */
  constructor(turns: number) {
    this.#turns = turns;
  }

  addTenant(): TenantTurns {
    const tenant = new TenantTurns(() => this.#startNext());
    this.#tenants.push(tenant);
    return tenant;
  }

  #startNext(): void {
    const tenants = this.#tenants;
    const most = tenants.length === 1 ? this.#turns : Math.max(1, Math.floor(this.#turns * tenantShare));
    this.#running = tenants.reduce((sum, { running }) => sum + running, 0);
    for (let asked = 0; asked < tenants.length && this.#running < this.#turns; ) {
      const tenant = tenants[this.#next]!;
      this.#next = (this.#next + 1) % tenants.length;
      if (tenant.running < most && tenant.startOne()) {
        this.#running += 1;
        asked = 0;
      } else {
        asked += 1;
      }
    }
  }
}

/** The queries of one tenant that run and wait. */
export class TenantTurns {
  readonly #onChange: () => void;
  readonly #waiting: Waiter[] = [];
  #running = 0;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Resolves when it is the caller's turn.
   * @throws StoreError CLEW_ENGINE_BUSY when too many wait; the signal's reason when it is aborted meanwhile.
   */
  take(signal: AbortSignal): Promise<Release> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#waiting.length >= maxWaitingPerTenant) {
      const reason = `${this.#waiting.length} queries wait for their turn, which is the limit.`;
      return Promise.reject(new StoreError('CLEW_ENGINE_BUSY', { reason }));
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        start: () => {
          signal.removeEventListener('abort', leave);
          resolve(this.#createRelease());
        },
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(waiter);
      this.#onChange();
    });
  }

  /** Gives a turn to the one that waits longest; false when nobody waits. */
  startOne(): boolean {
    const waiter = this.#waiting.shift();
    if (waiter === undefined) return false;
    this.#running += 1;
    waiter.start();
    return true;
  }

  #createRelease(): Release {
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      this.#running -= 1;
      this.#onChange();
    };
  }
}

import type { Readable } from 'node:stream';
import { ClickHouseError } from '@clickhouse/client';
import { ClewError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { StoreClient } from './client.ts';
import type { Release, TenantTurns } from './query-turns.ts';
import { StoreError, settingRefusals } from './store-error.ts';

/** What a query may use, on the embedded engine and on a ClickHouse alike. */
export interface QueryLimits {
  /** For all statements of a query together, their wait for a turn included. */
  readonly timeoutMs: number;
  /** For one statement. */
  readonly maxMemoryBytes: number;
}

/** Why a query was stopped before its end. */
export type StopReason = 'caller_left' | 'deadline';

export interface TenantQueriesOptions {
  readonly client: StoreClient;
  readonly turns: TenantTurns;
  readonly limits: QueryLimits;
  /** Called for each statement that ran or waited when its query was stopped. */
  readonly onStopped: (reason: StopReason) => void;
  readonly log: Logger;
}

/** One query of a caller: the statements that answer it. */
export interface OpenQuery {
  /** Runs the statements; `exec` is the method that takes a turn. */
  readonly client: StoreClient;
  /** Stops what runs: the caller has left. */
  leave(): void;
  /** The store has nothing more to do for this query. */
  close(): void;
}

type Exec = StoreClient['exec'];

/** The queries of one tenant: each statement in its turn, within the limits, and stopped with its query. */
export class TenantQueries {
  readonly #options: TenantQueriesOptions;
  #areLimitsRefused = false;

  constructor(options: TenantQueriesOptions) {
    this.#options = options;
  }

  /** Statements that run now. */
  get running(): number {
    return this.#options.turns.running;
  }

  /** Statements that wait for their turn. */
  get waiting(): number {
    return this.#options.turns.waiting;
  }

  /** Opens a query and starts its deadline; past it, its statements fail with CLEW_QUERY_TOO_EXPENSIVE. */
  open(): OpenQuery {
    const { client, limits } = this.#options;
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(createTimeoutError(limits)), limits.timeoutMs).unref();
    const exec: Exec = (params) => this.#exec(params, stop.signal);
    return {
      client: Object.assign(Object.create(client) as StoreClient, { exec }),
      leave: () => stop.abort(new Error('The caller closed the connection.')),
      close: () => clearTimeout(timer),
    };
  }

  async #exec(params: Parameters<Exec>[0], signal: AbortSignal): ReturnType<Exec> {
    signal.throwIfAborted();
    const { turns, onStopped } = this.#options;
    let stream: Readable | undefined;
    let giveBack: Release | undefined;
    const stop = (): void => {
      onStopped(signal.reason instanceof ClewError ? 'deadline' : 'caller_left');
      // The client forgets the signal once the head of the answer is there.
      stream?.destroy(signal.reason);
    };
    const finish = (): void => {
      signal.removeEventListener('abort', stop);
      giveBack?.();
    };
    signal.addEventListener('abort', stop, { once: true });
    try {
      giveBack = await this.#takeTurn(turns, signal);
      const result = await this.#execWithinLimits({ ...params, abort_signal: signal });
      stream = result.stream.once('close', finish);
      return result;
    } catch (error) {
      finish();
      throw signal.aborted && giveBack !== undefined ? signal.reason : error;
    }
  }

  async #takeTurn(turns: TenantTurns, signal: AbortSignal): Promise<Release> {
    try {
      return await turns.take(signal);
    } catch (error) {
      if (error !== signal.reason || !(error instanceof ClewError)) throw error;
      const reason = `no turn came within ${this.#options.limits.timeoutMs} ms, and ${turns.waiting} others wait.`;
      throw new StoreError('CLEW_ENGINE_BUSY', { reason });
    }
  }

  /** A profile of ClickHouse may forbid to change settings, or set bounds that are narrower: then those of the profile hold. */
  async #execWithinLimits(params: Parameters<Exec>[0]): ReturnType<Exec> {
    const { client, limits, log } = this.#options;
    if (!this.#areLimitsRefused) {
      try {
        return await client.exec({
          ...params,
          clickhouse_settings: {
            max_execution_time: Math.ceil(limits.timeoutMs / 1000),
            max_memory_usage: String(limits.maxMemoryBytes),
            ...params.clickhouse_settings,
          },
        });
      } catch (error) {
        if (!(error instanceof ClickHouseError) || !settingRefusals.has(Number(error.code))) throw error;
        this.#areLimitsRefused = true;
        log.warn(
          { err: error },
          'ClickHouse refuses the limits of queries; those of its settings profile hold instead',
        );
      }
    }
    return client.exec(params);
  }
}

function createTimeoutError({ timeoutMs }: QueryLimits): ClewError {
  const reason = `it took longer than ${timeoutMs} ms (CLEW_QUERY_TIMEOUT_MS).`;
  return new StoreError('CLEW_QUERY_TOO_EXPENSIVE', { reason });
}

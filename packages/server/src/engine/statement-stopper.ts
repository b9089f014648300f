import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from 'chdb';
import { quoteText } from './session-settings.ts';

/** A statement that has not registered itself yet, or is between two checks, is asked again after this long. */
const retryMs = 10;

/** The setting by which a running statement is found: the engine gives statements ids of its own. */
export const tagSetting = 'log_comment';

/**
 * Stops running statements whose caller has left. chdb cannot interrupt a statement from outside, but KILL QUERY from
 * another session does: the statement ends at its next block of rows. The session for that is used for nothing else, so a
 * KILL never waits for the statements that it is meant to stop.
 */
export class StatementStopper {
  readonly #session: Session;
  #last: Promise<unknown> = Promise.resolve();

  constructor(session: Session) {
    this.#session = session;
    // Finding one statement among a few needs no other core, and those are busy with what is to be stopped.
    session.query('SET max_threads = 1');
    // The first statement of its kind takes several times as long; it should not be one that somebody waits for.
    void this.#kill('none');
  }

  /**
   * Runs `work`, whose statement carries `tag` in {@link tagSetting}, and stops it when the signal is aborted. Settles
   * after the last KILL as well: one that came late would hit the next statement of the same session.
   */
  async run<Result>(signal: AbortSignal, tag: string, work: () => Promise<Result>): Promise<Result> {
    signal.throwIfAborted();
    let isRunning = true;
    let stopping: Promise<void> | undefined;
    const stop = (): void => {
      stopping = this.#killUntil(tag, () => !isRunning);
    };
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await work();
    } finally {
      isRunning = false;
      signal.removeEventListener('abort', stop);
      await stopping;
    }
  }

  async close(): Promise<void> {
    await this.#last;
    this.#session.close();
  }

  async #killUntil(tag: string, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await this.#kill(tag);
      if (!isOver()) await sleep(retryMs);
    }
  }

  /** Statements on one session must not overlap. A KILL that fails leaves the statement to its limit of time. */
  #kill(tag: string): Promise<unknown> {
    const sql = `KILL QUERY WHERE Settings['${tagSetting}'] = ${quoteText(tag)} ASYNC`;
    this.#last = this.#last.then(() => this.#session.queryAsync(sql)).catch(() => {});
    return this.#last;
  }
}

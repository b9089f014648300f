import type { DeleteTraceResponse, Redaction, RedactionsResponse } from '@clew/model';
import { ClewError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { StoreClient } from '../store/client.ts';
import { deleteTrace } from './delete-trace.ts';
import { parseRedaction } from './redaction-request.ts';
import type { Redactions } from './redactions.ts';
import type { Retention } from './retention.ts';

export interface DataControlOptions {
  readonly client: StoreClient;
  readonly retention: Retention;
  readonly redactions: Redactions;
  /** Resolves when all spans that were acknowledged before are in the store; rejects when the signal fires. */
  readonly flush: (signal: AbortSignal) => Promise<void>;
  readonly log: Logger;
}

/** A busy engine takes what waits in a few seconds; whoever asked should not wait longer than a client does. */
const flushTimeoutMs = 15_000;

/** What an operator can do to what is stored. */
export class DataControl {
  readonly retention: Retention;
  readonly #client: StoreClient;
  readonly #redactions: Redactions;
  readonly #flush: DataControlOptions['flush'];
  readonly #log: Logger;

  constructor({ client, retention, redactions, flush, log }: DataControlOptions) {
    this.#client = client;
    this.retention = retention;
    this.#redactions = redactions;
    this.#flush = flush;
    this.#log = log;
  }

  /**
   * Deletes what has been acknowledged of a trace so far.
   * @throws ClewError CLEW_PARAMETER_INVALID, CLEW_TRACE_NOT_FOUND, CLEW_SPOOL_BEHIND; StoreError
   */
  async deleteTrace(traceId: string): Promise<DeleteTraceResponse> {
    await this.#waitForSpool();
    const answer = await deleteTrace(this.#client, traceId);
    this.#log.info(answer, 'Trace deleted');
    return answer;
  }

  /**
   * Starts to replace an attribute in all that has been acknowledged so far.
   * @param body of `POST /clew/v1/redactions`
   * @throws ClewError CLEW_PARAMETER_INVALID, CLEW_PARAMETER_UNKNOWN, CLEW_SPOOL_BEHIND, CLEW_REDACTION_NOT_SAVED; StoreError
   */
  async redact(body: unknown): Promise<Redaction> {
    const target = parseRedaction(body);
    await this.#waitForSpool();
    const redaction = await this.#redactions.start(target);
    this.#log.info({ id: redaction.id, key: target.key }, 'Redaction started');
    return redaction;
  }

  /** @throws StoreError */
  listRedactions(): Promise<RedactionsResponse> {
    return this.#redactions.list();
  }

  async #waitForSpool(): Promise<void> {
    try {
      await this.#flush(AbortSignal.timeout(flushTimeoutMs));
    } catch (error) {
      throw new ClewError('CLEW_SPOOL_BEHIND', { reason: (error as Error).message }, { cause: error });
    }
  }
}

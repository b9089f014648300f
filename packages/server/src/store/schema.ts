import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.ts';
import { createDatabase, type StoreAddress, type StoreClient } from './client.ts';
import { dropStaleReplays } from './insert-missing.ts';
import { type Migration, migrate } from './migrations.ts';
import { StoreError } from './store-error.ts';

const retryMs = 2_000;

/** ClickHouse's UNKNOWN_DATABASE. */
const unknownDatabase = 81;

/** The tables of this program, which must be there before anything is inserted. */
export class Schema {
  readonly #address: StoreAddress;
  readonly #client: StoreClient;
  readonly #log: Logger;
  #bringing: Promise<void> | undefined;
  #isUpToDate = false;

  constructor(address: StoreAddress, client: StoreClient, log: Logger) {
    this.#address = address;
    this.#client = client;
    this.#log = log;
  }

  get isUpToDate(): boolean {
    return this.#isUpToDate;
  }

  /** Brings the schema up to date, once, whoever asks. @throws what {@link migrate} throws; the next call tries again */
  async ensure(): Promise<void> {
    this.#bringing ??= this.#bring();
    try {
      await this.#bringing;
    } catch (error) {
      this.#bringing = undefined;
      throw error;
    }
  }

  /** After a first failure: tries until it is up to date, or the signal fires. Never rejects. */
  async ensureInTheEnd(signal: AbortSignal): Promise<void> {
    let last = '';
    for (;;) {
      await sleep(retryMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        await this.ensure();
        return;
      } catch (error) {
        const { message } = error as Error;
        if (message !== last) this.#log.warn({ err: error }, 'The schema cannot be looked after yet; trying again');
        last = message;
      }
    }
  }

  async #bring(): Promise<void> {
    for (const { name } of await this.#migrate()) this.#log.info({ migration: name }, 'Schema migrated');
    await dropStaleReplays(this.#client);
    this.#isUpToDate = true;
  }

  async #migrate(): Promise<readonly Migration[]> {
    try {
      return await migrate(this.#client);
    } catch (error) {
      const isMissing = error instanceof StoreError && error.clickhouseCode === unknownDatabase;
      if (!isMissing) throw error;
      await createDatabase(this.#address);
      return await migrate(this.#client);
    }
  }
}

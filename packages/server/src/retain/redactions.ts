import { randomBytes } from 'node:crypto';
import type { Redaction, RedactionsResponse } from '@clew/model';
import { z } from 'zod';
import { ClewError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { PeriodicJob } from '../periodic-job.ts';
import { fetchRows, runCommand, type Statement } from '../query/statement.ts';
import type { StoreClient } from '../store/client.ts';
import { redactCatalog } from './redact-catalog.ts';
import { buildRedactResources, buildRedactSpans, markerOf } from './redact-statement.ts';
import type { RedactionTarget } from './redaction-request.ts';
import { readState, writeState } from './state-file.ts';

/** As many as the engine remembers the end of. */
const maxRemembered = 100;

const recordSchema = z.strictObject({
  id: z.string(),
  key: z.string(),
  start: z.number().nullable(),
  end: z.number().nullable(),
  value: z.string().nullable(),
  createdMs: z.number(),
  /** Whether values computed from the spans are gone as well; those of before this was noted are not. */
  isCatalogDone: z.boolean().default(false),
});

type RedactionRecord = z.infer<typeof recordSchema>;

/** How often it is looked whether the engine has rewritten the spans. */
const intervalMs = 1_000;

/**
 * Redactions run in the engine, part by part, and go on after a restart; here is written down which there were. When spans
 * and resources are rewritten, what is computed from them follows:
 *
 * ```
 * spans, resources (mutations of the engine)  ->  attribute_values, service_edges  ->  isDone
 * ```
 */
export class Redactions {
  readonly #client: StoreClient;
  readonly #path: string;
  readonly #log: Logger;
  readonly #job = new PeriodicJob({ run: () => this.#finishAll(), restMs: () => intervalMs });
  /** Why the catalogue of a redaction could not be changed, by id. */
  readonly #errors = new Map<string, string>();
  /** The oldest first. */
  #records: readonly RedactionRecord[];

  private constructor(client: StoreClient, path: string, log: Logger, records: readonly RedactionRecord[]) {
    this.#client = client;
    this.#path = path;
    this.#log = log;
    this.#records = records;
  }

  /** @throws ClewError CLEW_STATE_FILE_UNUSABLE */
  static async open(client: StoreClient, path: string, log: Logger): Promise<Redactions> {
    const without = 'redactions that are not done are not finished, and none is listed';
    const records = (await readState(path, z.array(recordSchema), without)) as readonly RedactionRecord[] | undefined;
    return new Redactions(client, path, log, records ?? []);
  }

  /** Goes on with what an earlier run has left. */
  resume(): void {
    this.#job.start();
  }

  /** Resolves when the statement under way has ended, or is left to the engine; the next start goes on. */
  stop(): Promise<void> {
    return this.#job.stop();
  }

  async #finishAll(): Promise<void> {
    const open = this.#records.filter(({ isCatalogDone }) => !isCatalogDone);
    if (open.length === 0) return;
    try {
      const mutations = await this.#readMutations();
      for (const record of open) {
        if (this.#job.signal.aborted) return;
        if (mutations.get(markerOf(record.id))?.isDone !== 0) await this.#finish(record);
      }
    } catch (error) {
      this.#log.warn({ err: error }, 'Could not look after redactions; trying again');
    }
  }

  async #finish({ id, key, value, start, end }: RedactionRecord): Promise<void> {
    const target = { key, value: value ?? undefined, startMs: start ?? undefined, endMs: end ?? undefined };
    try {
      await redactCatalog(this.#client, target, this.#job.signal);
      const records = this.#records.map((one) => (one.id === id ? { ...one, isCatalogDone: true } : one));
      await writeState(this.#path, records);
      this.#records = records;
      this.#errors.delete(id);
    } catch (error) {
      this.#errors.set(id, (error as Error).message);
      this.#log.warn({ err: error, id }, 'Could not finish a redaction; trying again');
    }
  }

  /** Starts a redaction of what is in the store. @throws ClewError CLEW_REDACTION_NOT_SAVED; StoreError */
  async start(target: RedactionTarget): Promise<Redaction> {
    const { key, value = null, startMs = null, endMs = null } = target;
    const id = randomBytes(8).toString('hex');
    // Before anything is started, so that none is forgotten; the disk may be full.
    const record = { id, key, start: startMs, end: endMs, value, createdMs: Date.now(), isCatalogDone: false };
    const previous = this.#records;
    const records = [...previous, record].slice(-maxRemembered);
    await writeState(this.#path, records).catch((cause: Error) => {
      throw new ClewError('CLEW_REDACTION_NOT_SAVED', { reason: cause.message }, { cause });
    });
    try {
      await this.#mutateInBackground(buildRedactSpans(id, target));
      // A resource belongs to spans of any time: with a window, those outside would lose it too.
      if (startMs === null && endMs === null) await this.#mutateInBackground(buildRedactResources(id, target));
    } catch (error) {
      await writeState(this.#path, previous);
      throw error;
    }
    this.#records = records;
    void this.#job.run();
    return (await this.list()).redactions.find((redaction) => redaction.id === id)!;
  }

  /** The engine of our own would wait for the end of it by default. */
  #mutateInBackground(statement: Statement): Promise<void> {
    return runCommand(this.#client, { ...statement, settings: { mutations_sync: '0' } });
  }

  /** The newest first. @throws StoreError */
  async list(): Promise<RedactionsResponse> {
    const mutations = await this.#readMutations();
    const redactions = this.#records.map(({ isCatalogDone, ...record }): Redaction => {
      // The engine forgets mutations only when they are done.
      const row = mutations.get(markerOf(record.id)) ?? { toDo: 0, isDone: 1, error: '' };
      const error = row.error === '' ? (this.#errors.get(record.id) ?? null) : row.error;
      return { ...record, isDone: row.isDone === 1 && isCatalogDone, partsToDo: row.toDo, error };
    });
    return { redactions: redactions.reverse() };
  }

  async #readMutations(): Promise<ReadonlyMap<string, MutationRow>> {
    const rows = await fetchRows<MutationRow>(this.#client, {
      sql: `SELECT extract(command, 'redaction-[0-9a-f]{16}') AS marker, sum(parts_to_do) AS toDo,
  min(is_done) AS isDone, max(latest_fail_reason) AS error
FROM system.mutations
WHERE database = currentDatabase() AND marker != ''
GROUP BY marker`,
      params: {},
    });
    return new Map(rows.map((row) => [row.marker, row]));
  }
}

interface MutationRow {
  readonly marker: string;
  readonly toDo: number;
  readonly isDone: number;
  readonly error: string;
}

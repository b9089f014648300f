import { randomBytes } from 'node:crypto';
import type { Redaction, RedactionsResponse } from '@clew/model';
import { z } from 'zod';
import { fetchRows, runCommand, type Statement } from '../query/statement.ts';
import type { StoreClient } from '../store/client.ts';
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
});

type RedactionRecord = Omit<Redaction, 'isDone' | 'partsToDo' | 'error'>;

/** Redactions run in the engine, part by part, and go on after a restart; here is written down which there were. */
export class Redactions {
  readonly #client: StoreClient;
  readonly #path: string;
  /** The oldest first. */
  #records: readonly RedactionRecord[];

  private constructor(client: StoreClient, path: string, records: readonly RedactionRecord[]) {
    this.#client = client;
    this.#path = path;
    this.#records = records;
  }

  /** @throws ClewError CLEW_CONFIG_INVALID when the file was damaged. */
  static async open(client: StoreClient, path: string): Promise<Redactions> {
    return new Redactions(client, path, (await readState(path, z.array(recordSchema))) ?? []);
  }

  /** Starts a redaction of what is in the store. @throws StoreError */
  async start(target: RedactionTarget): Promise<Redaction> {
    const { key, value = null, startMs = null, endMs = null } = target;
    const id = randomBytes(8).toString('hex');
    await this.#mutateInBackground(buildRedactSpans(id, target));
    // A resource belongs to spans of any time: with a window, those outside would lose it too.
    if (startMs === null && endMs === null) await this.#mutateInBackground(buildRedactResources(id, target));
    const record = { id, key, start: startMs, end: endMs, value, createdMs: Date.now() };
    this.#records = [...this.#records, record].slice(-maxRemembered);
    await writeState(this.#path, this.#records);
    return (await this.list()).redactions.find((redaction) => redaction.id === id)!;
  }

  /** The engine of our own would wait for the end of it by default. */
  #mutateInBackground(statement: Statement): Promise<void> {
    return runCommand(this.#client, { ...statement, settings: { mutations_sync: '0' } });
  }

  /** The newest first. @throws StoreError */
  async list(): Promise<RedactionsResponse> {
    const rows = await fetchRows<{ marker: string; toDo: number; isDone: number; error: string }>(this.#client, {
      sql: `SELECT extract(command, 'redaction-[0-9a-f]{16}') AS marker, sum(parts_to_do) AS toDo,
  min(is_done) AS isDone, max(latest_fail_reason) AS error
FROM system.mutations
WHERE database = currentDatabase() AND marker != ''
GROUP BY marker`,
      params: {},
    });
    const byMarker = new Map(rows.map((row) => [row.marker, row]));
    const redactions = this.#records.map((record): Redaction => {
      const row = byMarker.get(markerOf(record.id));
      // The engine forgets mutations only when they are done.
      if (row === undefined) return { ...record, isDone: true, partsToDo: 0, error: null };
      return { ...record, isDone: row.isDone === 1, partsToDo: row.toDo, error: row.error === '' ? null : row.error };
    });
    return { redactions: redactions.reverse() };
  }
}

import { text } from 'node:stream/consumers';
import type { ClickHouseSettings } from '@clickhouse/client';
import type { StoreClient } from '../store/client.ts';
import { toStoreError } from '../store/store-error.ts';

/** A mutation waits behind merges, and rewrites what may be a whole day; the client gives up after two minutes. */
const maxCommandS = 110;

/** What the rows of one statement may take, in the engine and as text here. */
const maxResultBytes = 256 * 1024 * 1024;

/** SQL with `{name:Type}` placeholders, and their values. Values never become part of the text. */
export interface Statement {
  readonly sql: string;
  readonly params: Readonly<
    Record<string, string | number | readonly string[] | readonly number[] | readonly bigint[]>
  >;
  readonly settings?: Readonly<Record<string, string | number>>;
}

/**
 * Runs a statement and answers its rows.
 * @throws StoreError
 */
export async function fetchRows<Row>(client: StoreClient, { sql, params, settings }: Statement): Promise<Row[]> {
  try {
    const { stream } = await client.exec({
      query: `${sql}\nFORMAT JSONEachRow`,
      query_params: { ...params },
      clickhouse_settings: {
        ...settings,
        max_result_bytes: String(maxResultBytes),
        // Older engines write 64-bit numbers as strings unless told otherwise.
        output_format_json_quote_64bit_integers: 0,
        // So that a failure has its number, whenever it comes.
        wait_end_of_query: 1,
      },
    });
    return (await text(stream)).split('\n').flatMap((line) => (line === '' ? [] : (JSON.parse(line) as Row)));
  } catch (error) {
    throw toStoreError(error);
  }
}

/**
 * Runs a statement that answers nothing.
 * @throws StoreError
 */
export async function runCommand(client: StoreClient, { sql, params, settings }: Statement): Promise<void> {
  try {
    await client.command({
      query: sql,
      query_params: { ...params },
      clickhouse_settings: { ...(settings as ClickHouseSettings), max_execution_time: maxCommandS },
    });
  } catch (error) {
    throw toStoreError(error);
  }
}

/** As {@link runCommand}, on one core: the others are for those who wait for an answer. */
export function runInBackground(client: StoreClient, statement: Statement): Promise<void> {
  return runCommand(client, { ...statement, settings: { ...statement.settings, max_threads: 1 } });
}

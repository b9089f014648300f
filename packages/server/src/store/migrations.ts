import { readdirSync, readFileSync } from 'node:fs';
import { ClewError } from '../errors.ts';
import { traced } from '../tracing.ts';
import type { StoreClient } from './client.ts';
import { toStoreError } from './store-error.ts';

/** The files are published as they are; from `dist/store` as from `src/store` they are here. */
const migrationsDirectory = new URL('../../src/store/migrations/', import.meta.url);

export interface Migration {
  /** The number that the file's name begins with. */
  readonly version: number;
  /** The file's name without its ending. */
  readonly name: string;
  readonly statements: readonly string[];
}

/** All migrations that this program knows, in order. */
export function readMigrations(directory: URL = migrationsDirectory): readonly Migration[] {
  const files = readdirSync(directory)
    .filter((file) => /^\d{4}-[\w-]+\.sql$/.test(file))
    .sort();
  return files.map((file) => ({
    version: Number(file.slice(0, 4)),
    name: file.slice(0, -'.sql'.length),
    statements: splitStatements(readFileSync(new URL(file, directory), 'utf8')),
  }));
}

/**
 * Brings the database to the schema of this program. A migration that was interrupted runs again from its start, so its
 * statements must be harmless when repeated (`IF NOT EXISTS`).
 * @returns the migrations that ran.
 * @throws ClewError CLEW_STORE_NEWER when the database was written by a newer program; StoreError.
 */
export async function migrate(
  client: StoreClient,
  migrations: readonly Migration[] = readMigrations(),
): Promise<readonly Migration[]> {
  try {
    await client.command({
      query: `CREATE TABLE IF NOT EXISTS clew_migrations (version UInt32, name String, applied DateTime('UTC'))
ENGINE = MergeTree ORDER BY version SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`,
    });
    const result = await client.query({
      query: 'SELECT max(version) AS version FROM clew_migrations',
      format: 'JSONEachRow',
    });
    const [row] = await result.json<{ version: number }>();
    const found = row?.version ?? 0;
    const known = migrations.at(-1)?.version ?? 0;
    if (found > known) throw new ClewError('CLEW_STORE_NEWER', { found, known });
    const missing = migrations.filter(({ version }) => version > found);
    for (const migration of missing) await applyMigration(client, migration);
    return missing;
  } catch (error) {
    throw toStoreError(error);
  }
}

async function applyMigration(client: StoreClient, { version, name, statements }: Migration): Promise<void> {
  await traced('migrate', { 'clew.migration': name }, async () => {
    for (const query of statements) await client.command({ query });
    await client.command({
      query: 'INSERT INTO clew_migrations SELECT {version:UInt32}, {name:String}, now()',
      query_params: { version, name },
    });
  });
}

/** A statement ends with a semicolon at the end of a line; comments take whole lines. */
function splitStatements(sql: string): readonly string[] {
  return sql
    .replace(/^\s*--.*$/gm, '')
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}

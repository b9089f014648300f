import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Figure, printReport } from '../report.js';
import { firstStartMs, insertRecipe, selectTraceId, spansPerSecond, spansPerTrace } from './recipe.js';

// What the store takes up and how fast it answers, with ten million spans in the embedded engine, through the same code
// as the server's: a trace by its id, and searches over all of them for the newest 20 traces.
//
//   npm run bench -- store [SPANS]

const spans = Number(process.argv[2] ?? 10_000_000);
const spansPerInsert = 100_000;
const repeats = 25;

const server = new URL('../../../packages/server/dist/', import.meta.url);
const load = <Module>(path: string): Promise<Module> => import(new URL(path, server).href) as Promise<Module>;
type Engine = typeof import('../../packages/server/dist/engine/engine.js');
type Log = typeof import('../../packages/server/dist/log.js');
type Client = typeof import('../../packages/server/dist/store/client.js');
type Migrations = typeof import('../../packages/server/dist/store/migrations.js');
type SearchRequest = typeof import('../../packages/server/dist/query/search-request.js');
type Search = typeof import('../../packages/server/dist/query/search.js');
type Trace = typeof import('../../packages/server/dist/query/trace.js');
const { startEngine } = await load<Engine>('engine/engine.js');
const { createLogger } = await load<Log>('log.js');
const { connectStore } = await load<Client>('store/client.js');
const { migrate } = await load<Migrations>('store/migrations.js');
const { parseSearch } = await load<SearchRequest>('query/search-request.js');
const { searchTraces } = await load<Search>('query/search.js');
const { openTrace } = await load<Trace>('query/trace.js');

const dataDir = mkdtempSync(join(tmpdir(), 'clew-bench-'));
const engine = await startEngine({ dataDir, log: createLogger('silent') });
const client = connectStore(engine);
const figures: Figure[] = [];
try {
  await migrate(client);
  await fill();
  await weigh();
  await ask();
} finally {
  await client.close();
  await engine.stop();
  rmSync(dataDir, { recursive: true, force: true });
}
printReport('store', figures);

async function fill(): Promise<void> {
  for (let first = 0; first < spans; first += spansPerInsert) {
    await client.command({ query: insertRecipe(first, Math.min(spansPerInsert, spans - first)) });
    if ((first / spansPerInsert) % 20 === 0) console.log(`${first.toLocaleString('en')} spans of the recipe are in`);
  }
  // As merges in the background leave it after a while.
  for (const table of ['spans', 'trace_minutes', 'operations']) {
    await client.command({ query: `OPTIMIZE TABLE ${table} FINAL`, clickhouse_settings: { max_execution_time: 110 } });
  }
}

async function weigh(): Promise<void> {
  const result = await client.query({
    query: `SELECT table, sum(bytes_on_disk) AS bytes FROM system.parts
      WHERE active AND table IN ('spans', 'trace_minutes', 'operations', 'resources') GROUP BY table`,
    format: 'JSONEachRow',
  });
  const tables = await result.json<{ table: string; bytes: string }>();
  const all = tables.reduce((sum, { bytes }) => sum + Number(bytes), 0);
  figures.push({ what: 'stored, everything', value: all / spans, unit: 'bytes/span', budget: '<= 50' });
  for (const { table, bytes } of tables) {
    figures.push({ what: `  of it ${table}`, value: Number(bytes) / spans, unit: 'bytes/span' });
  }
}

async function ask(): Promise<void> {
  const random = (below: number): number => Math.floor(Math.random() * below);
  const digits = (number: number, count: number): string => String(number).padStart(count, '0');
  const window = { start: String(firstStartMs), end: String(firstStartMs + (spans / spansPerSecond) * 1_000 + 1_000) };
  const search = async (conditions: Record<string, string>): Promise<number> =>
    (await searchTraces(client, parseSearch({ ...window, ...conditions }, Date.now()))).traces.length;
  const anyAttribute = (): string => `attr_${digits(random(97), 2)}=val_${digits(random(1_000), 3)}`;
  const anyOperation = (): Record<string, string> => {
    const service = random(20);
    return { service: `service-${service}`, operation: `operation-${service}-${random(10)}` };
  };
  const ids: string[] = [];
  for (let i = 0; i < repeats; i++) {
    const result = await client.query({ query: selectTraceId(random(spans / spansPerTrace)), format: 'JSONEachRow' });
    ids.push((await result.json<{ id: string }>())[0]!.id);
  }
  await time('a trace by its id', '<= 20', async (turn) => {
    const bytes = Buffer.concat(await (await openTrace(client, ids[turn]!)).toArray());
    // Columns, then rows.
    return bytes[1]!;
  });
  await time('newest 20, any attribute', '<= 150', () => search({ attribute: anyAttribute() }));
  await time('newest 20, a value that no span has', undefined, () =>
    search({ attribute: `attr_11=none-${random(1e9)}` }),
  );
  await time('newest 20, service and operation', '<= 60', () => search(anyOperation()));
  await time('newest 20, service, operation, duration', '<= 60', () =>
    search({ ...anyOperation(), minDuration: '15ms' }),
  );
  await time('newest 20, a duration that no span has', undefined, () =>
    search({ ...anyOperation(), minDuration: '1h' }),
  );
}

async function time(what: string, budget: string | undefined, run: (turn: number) => Promise<number>): Promise<void> {
  const timesMs: number[] = [];
  let rows = 0;
  for (let turn = 0; turn < repeats; turn++) {
    const startMs = performance.now();
    rows = await run(turn);
    timesMs.push(performance.now() - startMs);
  }
  timesMs.sort((a, b) => a - b);
  console.log(`${what}: ${rows} rows the last time`);
  figures.push({ what: `${what}, p50`, value: timesMs[repeats >> 1]!, unit: 'ms', ...(budget && { budget }) });
  figures.push({ what: `${what}, most`, value: timesMs.at(-1)!, unit: 'ms' });
}

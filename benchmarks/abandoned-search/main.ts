import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Figure, printReport } from '../report.js';

// How long the engine works on for a search that its caller has left: from the end of the caller's connection until its
// session takes the next statement. One session for reads, so that the next statement waits for it.
//
//   npm run bench -- abandoned-search [TIMES]

const times = Number(process.argv[2] ?? 40);

const server = new URL('../../../packages/server/dist/', import.meta.url);
const load = <Module>(path: string): Promise<Module> => import(new URL(path, server).href) as Promise<Module>;
type Engine = typeof import('../../packages/server/dist/engine/engine.js');
type Log = typeof import('../../packages/server/dist/log.js');
type Client = typeof import('../../packages/server/dist/store/client.js');
const { startEngine } = await load<Engine>('engine/engine.js');
const { createLogger } = await load<Log>('log.js');
const { connectStore } = await load<Client>('store/client.js');

/** Hours of work on all cores, without a row before its end. */
const endless = 'SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1 FORMAT Native';

const dataDir = mkdtempSync(join(tmpdir(), 'clew-bench-'));
const engine = await startEngine({ dataDir, log: createLogger('silent'), sessions: 2 });
const client = connectStore(engine);
const figures: Figure[] = [];
try {
  for (const [what, settings] of [
    ['streamed', {}],
    ['sent when complete', { wait_end_of_query: 1 }],
  ] as const) {
    const freedMs: number[] = [];
    for (let i = 0; i < times; i += 1) freedMs.push(await measure(settings));
    freedMs.sort((a, b) => a - b);
    const at = (share: number): number => freedMs[Math.min(times - 1, Math.floor(times * share))]!;
    figures.push(
      { what: `${what}: session free after, p50`, value: at(0.5), unit: 'ms' },
      { what: `${what}: session free after, p90`, value: at(0.9), unit: 'ms', budget: 'at most 100 ms' },
      { what: `${what}: session free after, the longest`, value: at(1), unit: 'ms' },
    );
  }
} finally {
  await client.close();
  await engine.stop();
  rmSync(dataDir, { recursive: true, force: true });
}
printReport('abandoned-search', figures);

async function measure(settings: { readonly wait_end_of_query?: 1 }): Promise<number> {
  const caller = new AbortController();
  const search = client
    .exec({ query: endless, abort_signal: caller.signal, clickhouse_settings: settings })
    .catch(() => {});
  // Until it is well under way.
  await sleep(200);
  const leftMs = performance.now();
  caller.abort();
  await client.command({ query: 'SELECT 1' });
  const ms = performance.now() - leftMs;
  await search;
  return ms;
}

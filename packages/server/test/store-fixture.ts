import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engine, type EngineOptions, startEngine } from '#src/engine/engine.js';
import { createLogger } from '#src/log.js';
import { connectStore, type StoreClient } from '#src/store/client.js';

export interface EngineFixture {
  readonly dataDir: string;
  readonly engine: Engine;
  readonly client: StoreClient;
  stop(): Promise<void>;
}

/** An engine of its own on a temporary directory, and a client of it. */
export async function startEngineFixture(options: Partial<EngineOptions> = {}): Promise<EngineFixture> {
  const dataDir = await mkdtemp(join(tmpdir(), 'clew-test-'));
  const engine = await startEngine({ dataDir, log: createLogger('silent'), ...options });
  const client = connectStore(engine);
  return {
    dataDir,
    engine,
    client,
    stop: async () => {
      await client.close();
      await engine.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** The rows of a statement, one tab-separated line each. */
export async function fetchLines(client: StoreClient, query: string): Promise<string[]> {
  const result = await client.query({ query, format: 'TabSeparated' });
  return (await result.text()).split('\n').filter((line) => line !== '');
}

export interface TestSpan {
  /** Repeated digits of a short number make up the ids. */
  readonly trace: number;
  readonly span: number;
  readonly parent?: number;
  readonly service: string;
  readonly name: string;
  /** OTLP's number; 0 when not given. */
  readonly kind?: number;
  readonly startMs: number;
  readonly durationNs: number;
  readonly isError?: boolean;
  readonly resourceHash?: string;
  /** ClickHouse map literals. */
  readonly strings?: string;
  readonly ints?: string;
  readonly doubles?: string;
  readonly bools?: string;
  readonly others?: string;
}

export function traceIdOf(trace: number): string {
  return trace.toString(16).padStart(32, '0');
}

function spanIdOf(span: number): string {
  return span.toString(16).padStart(16, '0');
}

/** Inserts spans as rows of the table; columns that are not named take their defaults. */
export async function insertSpans(client: StoreClient, spans: readonly TestSpan[]): Promise<void> {
  const map = (literal: string | undefined, type: string): string =>
    `CAST(${literal ?? 'map()'}, 'Map(LowCardinality(String), ${type})')`;
  const rows = spans.map(
    (
      span,
    ) => `SELECT unhex('${traceIdOf(span.trace)}'), unhex('${spanIdOf(span.span)}'), unhex('${spanIdOf(span.parent ?? 0)}'),
      '${span.name}', ${span.kind ?? 0}, fromUnixTimestamp64Milli(toInt64(${span.startMs})), toInt64(${span.durationNs}), ${span.isError ? 2 : 0},
      '${span.service}', toUInt64(${span.resourceHash ?? '0'}), ${map(span.strings, 'String')}, ${map(span.ints, 'Int64')},
      ${map(span.doubles, 'Float64')}, ${map(span.bools, 'Bool')}, ${map(span.others, 'String')}`,
  );
  // A statement may be no longer than the engine allows.
  for (let first = 0; first < rows.length; first += 200) {
    await client.command({
      query: `INSERT INTO spans (trace_id, span_id, parent_span_id, name, kind, start, duration_ns, status_code, service,
        resource_hash, attr_string, attr_int, attr_double, attr_bool, attr_other)
        ${rows.slice(first, first + 200).join(' UNION ALL ')}`,
    });
  }
}

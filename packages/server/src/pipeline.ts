import { join } from 'node:path';
import type { Config } from './config.ts';
import type { Logger } from './log.ts';
import { Metrics } from './metrics.ts';
import type { OverflowSpace } from './query/read-ahead.ts';
import type { Destination } from './receive/authorize.ts';
import type { Ingest } from './receive/export-request.ts';
import { OtlpError } from './receive/otlp-error.ts';
import { DataControl } from './retain/data-control.ts';
import { Redactions } from './retain/redactions.ts';
import { Retention } from './retain/retention.ts';
import { RetentionSettings } from './retain/retention-settings.ts';
import { SpaceReserve } from './retain/space-reserve.ts';
import { TailSampling } from './retain/tail-sampling.ts';
import { Rollup } from './rollup/rollup.ts';
import { GroupCommit } from './spool/group-commit.ts';
import { runLoader } from './spool/loader.ts';
import { describeObstacle, Spool, SpoolUnavailableError } from './spool/spool.ts';
import { WaitingLine } from './spool/waiting-line.ts';
import { connectStore, type StoreAddress, type StoreClient } from './store/client.ts';
import { insertBlocks } from './store/insert.ts';
import { insertMissingSpans } from './store/insert-missing.ts';
import type { QueryTurns } from './store/query-turns.ts';
import { Schema } from './store/schema.ts';
import { StoreError } from './store/store-error.ts';
import { TenantQueries } from './store/tenant-queries.ts';
import type { TranscoderQueue } from './transcode/transcoder-pool.ts';
import { RefusedRequestError, TranscoderUnavailableError } from './transcode/transcoder-thread.ts';
import type { Undo } from './undo.ts';

/** Leaves room for merges, and for what others put on the disk meanwhile. */
const defaultDiskShare = 0.8;

export interface PipelineOptions {
  readonly config: Config;
  readonly address: StoreAddress;
  /** Its own: spool, and what is set over the API. */
  readonly directory: string;
  /** Whether it keeps room for deletion on a full disk, for itself and all others. */
  readonly hasReserve: boolean;
  readonly transcoders: TranscoderQueue;
  /** Shared by all tenants. */
  readonly turns: QueryTurns;
  /** For the answers of this tenant. */
  readonly overflow: OverflowSpace;
  readonly log: Logger;
  readonly undo: Undo[];
}

/** The stages from spool to store, and what keeps watch over what is stored: one for each tenant. */
export interface Pipeline {
  /** For jobs in the background; the queries of callers are opened with `queries`. */
  readonly client: StoreClient;
  readonly queries: TenantQueries;
  readonly overflow: OverflowSpace;
  readonly schema: Schema;
  readonly spool: Spool;
  readonly data: DataControl;
  readonly metrics: Metrics;
  readonly ingest: Ingest;
  readonly waitForRoom: Destination['waitForRoom'];
}

/**
 * Starts all stages that a request passes once it is read.
 * @throws ClewError which says what to change; what was started until then is in `undo`.
 */
export async function startPipeline(options: PipelineOptions): Promise<Pipeline> {
  const { config, address, directory, transcoders, turns, overflow, log, undo } = options;
  const metrics = new Metrics();
  const client = connectStore(address);
  undo.push(() => client.close());
  const schema = await startSchema(new Schema(address, client, log), address, log, undo);
  const { spoolMaxBytes, minFreeBytes } = config;
  const line = new WaitingLine(() => Math.min(spool.roomBytes, commits.wantedBytes));
  const spool = await Spool.open({
    directory: join(directory, 'spool'),
    maxBytes: spoolMaxBytes,
    minFreeBytes,
    onRoom: () => line.letIn(),
    log,
  });
  const commits = new GroupCommit({
    transcoders,
    append: (blocks) => spool.append(blocks),
    maxPendingBytes: 2 * config.maxRequestBytes,
    onCommitted: () => line.letIn(),
  });
  metrics.watchSpool(() => spool);
  metrics.watchWaitingLine(line);
  const data = await startRetaining(options, client, spool);
  const sampling = await startTailSampling(options, client, schema, spool, metrics);
  const rollup = new Rollup({
    client,
    log,
    isReady: () => schema.isUpToDate,
    ...(sampling !== undefined && { sampledUntilMs: () => sampling.describe().decidedUntilMs }),
  });
  metrics.watchRollup(rollup);
  undo.push(() => rollup.stop());
  rollup.start();
  const queries = new TenantQueries({
    client,
    turns: turns.addTenant(),
    limits: { timeoutMs: config.queryTimeoutMs, maxMemoryBytes: config.queryMaxMemoryBytes },
    onStopped: (reason) => metrics.countStoppedStatement(reason),
    log,
  });
  metrics.watchQueries(queries);
  metrics.watchOverflow(overflow);
  startLoading({ client, schema, spool, metrics, log, undo });
  return { client, queries, overflow, schema, spool, data, metrics, ...createIngest(line, commits, spool, log) };
}

/** A ClickHouse that is away keeps no spans out: they wait in the spool until it is there and has the tables. */
async function startSchema(schema: Schema, address: StoreAddress, log: Logger, undo: Undo[]): Promise<Schema> {
  try {
    await schema.ensure();
  } catch (error) {
    if ('socketPath' in address || !isConnectionFailure(error)) throw error;
    log.warn({ err: error }, 'ClickHouse cannot be reached; spans wait in the spool until it can');
    const stopping = new AbortController();
    const trying = schema.ensureInTheEnd(stopping.signal);
    undo.push(() => {
      stopping.abort();
      return trying;
    });
  }
  return schema;
}

/** Something else that answers at the address is no reason to wait. */
function isConnectionFailure(error: unknown): boolean {
  if (!(error instanceof StoreError) || error.code !== 'CLEW_ENGINE_UNAVAILABLE') return false;
  return (error.cause as NodeJS.ErrnoException).code !== undefined;
}

async function startRetaining(
  { config, directory, hasReserve, log, undo }: PipelineOptions,
  client: StoreClient,
  spool: Spool,
): Promise<DataControl> {
  const { retentionDiskShare } = config;
  // What else lives on the disk of a ClickHouse that is not ours is not ours to reckon with.
  const diskShareAtStart = config.clickhouseUrl === undefined ? defaultDiskShare : null;
  const settings = await RetentionSettings.open(join(directory, 'retention.json'), {
    maxAgeMs: config.retentionAge,
    maxBytes: config.retentionMaxBytes,
    maxDiskShare: retentionDiskShare === undefined ? diskShareAtStart : retentionDiskShare,
  });
  const reserve = hasReserve ? new SpaceReserve(join(directory, 'reserve')) : undefined;
  const retention = new Retention({ client, settings, reserve, log });
  undo.push(() => retention.stop());
  retention.start();
  const redactions = await Redactions.open(client, join(directory, 'redactions.json'), log);
  undo.push(() => redactions.stop());
  redactions.resume();
  return new DataControl({ client, retention, redactions, flush: (signal) => spool.flush(signal), log });
}

async function startTailSampling(
  { config, directory, log, undo }: PipelineOptions,
  client: StoreClient,
  schema: Schema,
  spool: Spool,
  metrics: Metrics,
): Promise<TailSampling | undefined> {
  const { tailSamplingAfter: afterMs, tailSamplingKeep: keep } = config;
  const path = join(directory, 'tail-sampling.json');
  if (afterMs === undefined || keep === undefined) {
    await TailSampling.forget(path);
    return undefined;
  }
  const sampling = await TailSampling.open({
    client,
    path,
    afterMs,
    keep,
    oldestWaitingMs: () => spool.oldestMs,
    isReady: () => schema.isUpToDate,
    onDecided: (outcome, traces) => metrics.countTailSampled(outcome, traces),
    log,
  });
  metrics.watchTailSampling(() => sampling.describe());
  undo.push(() => sampling.stop());
  sampling.start();
  return sampling;
}

type LoadingParts = Pick<Pipeline, 'client' | 'schema' | 'spool' | 'metrics'> & Pick<PipelineOptions, 'log' | 'undo'>;

/** spool -> store */
function startLoading({ client, schema, spool, metrics, log, undo }: LoadingParts): void {
  // A fault of the schema is none of a segment.
  const isRetryable = (error: unknown): boolean =>
    !schema.isUpToDate || !(error instanceof StoreError) || error.retryable;
  const stopping = new AbortController();
  const loader = runLoader(
    {
      spool,
      insert: async (table, blocks, token) => {
        await schema.ensure();
        await metrics.observeInsert(table, () => insertBlocks(client, table, blocks, token), isRetryable);
      },
      insertMissing: (spans, token) => insertMissingSpans(client, spans, token),
      isRetryable,
      log,
      onStored: (spans) => metrics.countStored(spans),
      onSetAside: (reason) => metrics.countSetAside(reason),
    },
    stopping.signal,
  );
  undo.push(async () => {
    await spool.close();
    stopping.abort();
    await loader;
  });
}

/** transcode -> spool, with what the sender is to know of a failure. */
function createIngest(
  line: WaitingLine,
  commits: GroupCommit,
  spool: Spool,
  log: Logger,
): Pick<Pipeline, 'ingest' | 'waitForRoom'> {
  return {
    ingest: async (request) => {
      try {
        return await commits.add(request);
      } catch (error) {
        throw toOtlpError(error, log);
      }
    },
    waitForRoom: async (bytes) => {
      await line.enter(bytes);
      if (spool.full !== null) throw toOtlpError(spool.full, log);
    },
  };
}

function toOtlpError(error: unknown, log: Logger): unknown {
  if (error instanceof RefusedRequestError) {
    return new OtlpError(error.reason === 'too_large' ? 413 : 400, error.message, error.reason);
  }
  if (error instanceof SpoolUnavailableError) {
    log.debug({ err: error }, 'spans were refused');
    return new OtlpError(503, describeObstacle(error), error.obstacle);
  }
  if (error instanceof TranscoderUnavailableError) return new OtlpError(503, error.message, 'transcoder_busy');
  return error;
}

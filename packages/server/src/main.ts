import { once } from 'node:events';
import type { Server } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { join, resolve } from 'node:path';
import { type AuthorizationCheck, collectTokens, createAuthorizationCheck } from './access-tokens.ts';
import { type Config, nameSetting } from './config.ts';
import { type Engine, startEngine } from './engine/engine.ts';
import { chooseSocketPath } from './engine/socket-path.ts';
import { ClewError } from './errors.ts';
import { createLogger, type Logger } from './log.ts';
import { Metrics } from './metrics.ts';
import { BodyBudget } from './receive/body-budget.ts';
import { jaegerGrpcProtocol, otlpGrpcProtocol } from './receive/grpc-protocol.ts';
import { createGrpcReceiver } from './receive/grpc-receiver.ts';
import { jaegerThriftProtocol } from './receive/jaeger-http.ts';
import { OtlpError } from './receive/otlp-error.ts';
import { createOtlpHttpServer, type ExportRequest, type ExportResult } from './receive/otlp-http.ts';
import { createTextReceiver } from './receive/text-receiver.ts';
import { zipkinProtocol } from './receive/zipkin-http.ts';
import { DataControl } from './retain/data-control.ts';
import { Redactions } from './retain/redactions.ts';
import { Retention } from './retain/retention.ts';
import { RetentionSettings } from './retain/retention-settings.ts';
import { SpaceReserve } from './retain/space-reserve.ts';
import { TailSampling } from './retain/tail-sampling.ts';
import { Rollup } from './rollup/rollup.ts';
import { createHealthServer } from './serve/health.ts';
import { isLoopback } from './serve/host-check.ts';
import { createHttpServer } from './serve/http-server.ts';
import { explainListenFailure, formatUrl, type ListenTarget } from './serve/listen.ts';
import { Readiness } from './serve/readiness.ts';
import { findWebRoot } from './serve/web-ui.ts';
import { lockDirectory } from './spool/directory-lock.ts';
import { GroupCommit } from './spool/group-commit.ts';
import { runLoader } from './spool/loader.ts';
import { Spool, SpoolUnavailableError } from './spool/spool.ts';
import { checkStore, connectStore, type StoreClient } from './store/client.ts';
import { insertBlock } from './store/insert.ts';
import { insertMissingSpans } from './store/insert-missing.ts';
import { Schema } from './store/schema.ts';
import { StoreError } from './store/store-error.ts';
import { readTls, type TlsOptions } from './tls.ts';
import { MalformedRequestError, TranscoderEndedError, TranscoderThread } from './transcode/transcoder-thread.ts';

/** Where spans are received. */
interface ReceiverUrls {
  /** OTLP over HTTP, such as `http://127.0.0.1:4318`. */
  readonly otlpUrl: string;
  /** OTLP over gRPC, such as `http://127.0.0.1:4317`. */
  readonly otlpGrpcUrl: string;
  /** Zipkin v2, such as `http://127.0.0.1:9411`. */
  readonly zipkinUrl: string;
  /** Jaeger's Thrift over HTTP, such as `http://127.0.0.1:14268`. */
  readonly jaegerUrl: string;
  /** Jaeger's gRPC, such as `http://127.0.0.1:14250`. */
  readonly jaegerGrpcUrl: string;
}

export interface RunningServer extends ReceiverUrls {
  /** Web UI and HTTP API, such as `http://127.0.0.1:16686`. */
  readonly uiUrl: string;
  /** Health and readiness, such as `http://127.0.0.1:13133`; undefined when nobody chose its port and it is taken. */
  readonly healthUrl: string | undefined;
  /** Refuses new requests, ends running ones, and stops all that was started. What was acknowledged stays on disk. */
  close(): Promise<void>;
}

/** Leaves room for merges, and for what others put on the disk meanwhile. */
const defaultDiskShare = 0.8;

/** What must be undone, in the order in which it was done. */
type Undo = () => Promise<unknown>;

/** What the stages are put together from. */
interface Parts {
  readonly config: Config;
  readonly client: StoreClient;
  readonly schema: Schema;
  readonly spool: Spool;
  readonly data: DataControl;
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  readonly access: Access;
  readonly log: Logger;
  readonly undo: Undo[];
}

/**
 * Starts the whole server: engine and store, spool and its loader, receivers, UI and API. Resolves when all of
 * them answer; when one cannot start, stops the others and throws.
 * @throws ClewError which says what to change: a port that is taken, a data directory in use, a newer database, …
 */
export async function startServer(config: Config): Promise<RunningServer> {
  const log = createLogger(config.logLevel);
  const undo: Undo[] = [];
  const readiness = new Readiness();
  const metrics = new Metrics();
  const close = async (): Promise<void> => {
    readiness.enter('stopping');
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const access = readAccess(config, log);
    const healthUrl = await startHealth(config, readiness, log, undo);
    const engine = await startEmbeddedEngine(config, log, undo);
    if (engine !== undefined) metrics.watchEngine(engine);
    const address = engine ?? { clickhouseUrl: config.clickhouseUrl! };
    const client = connectStore(address);
    undo.push(() => client.close());
    const schema = await startSchema(new Schema(address, client, log), config, readiness, log, undo);
    const spool = await openSpool(config, log, undo);
    const data = await startRetaining(config, client, spool, log, undo);
    await startTailSampling(config, client, schema, spool, metrics, log, undo);
    const rollup = new Rollup({ client, log, isReady: () => schema.isUpToDate });
    metrics.watchRollup(rollup);
    undo.push(() => rollup.stop());
    rollup.start();
    const parts = { config, client, schema, spool, data, readiness, metrics, access, log, undo };
    const receivers = await startReceiving(parts);
    const uiUrl = await startServing(parts);
    readiness.enter('running');
    const store = config.clickhouseUrl === undefined ? 'embedded' : 'remote';
    log.info({ uiUrl, ...receivers, healthUrl, store }, 'Ready');
    return { uiUrl, ...receivers, healthUrl, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Who may come, and how. */
interface Access {
  readonly mayIngest: AuthorizationCheck | undefined;
  readonly mayQuery: AuthorizationCheck | undefined;
  readonly tls: TlsOptions | undefined;
}

/** Warns where strangers could come: bound to an outside address, without tokens. */
function readAccess(config: Config, log: Logger): Access {
  const { host, ingestTokens, ingestTokensFile, queryTokens, queryTokensFile } = config;
  const mayIngest = createAuthorizationCheck(collectTokens(ingestTokens, ingestTokensFile, 'CLEW_INGEST_TOKENS_FILE'));
  const mayQuery = createAuthorizationCheck(collectTokens(queryTokens, queryTokensFile, 'CLEW_QUERY_TOKENS_FILE'));
  if (!isLoopback(host) && (mayIngest === undefined || mayQuery === undefined)) {
    const open = [
      ...(mayIngest === undefined ? [{ can: 'send spans', variable: 'CLEW_INGEST_TOKENS' }] : []),
      ...(mayQuery === undefined ? [{ can: 'read all traces', variable: 'CLEW_QUERY_TOKENS' }] : []),
    ];
    const can = open.map((each) => each.can).join(' and ');
    const variables = open.map((each) => each.variable).join(' and ');
    log.warn(
      { host },
      `Everyone who reaches this address can ${can}: set ${variables}, or bind to 127.0.0.1 with CLEW_HOST`,
    );
  }
  const tls = readTls({ cert: config.tlsCert, key: config.tlsKey, clientCa: config.tlsClientCa });
  return { mayIngest, mayQuery, tls };
}

/** Where OpenTelemetry's collector has its health check. */
const usualHealthPort = 13_133;

/** Comes first and goes last, so that it can say that the rest is starting or stopping. */
async function startHealth(
  config: Config,
  readiness: Readiness,
  log: Logger,
  undo: Undo[],
): Promise<string | undefined> {
  const { host, healthPort: port = usualHealthPort } = config;
  const server = createHealthServer(readiness);
  try {
    await listen(server, { host, port, ...nameSetting('healthPort') });
  } catch (error) {
    const isTaken = error instanceof ClewError && error.code === 'CLEW_PORT_TAKEN';
    if (config.healthPort !== undefined || !isTaken) throw error;
    log.warn({ port }, 'The port of the health check is taken; it is answered on the port of the UI alone');
    return undefined;
  }
  undo.push(() => closeServer(server));
  return formatUrl(host, (server.address() as AddressInfo).port);
}

async function listen(server: NetServer, target: ListenTarget): Promise<void> {
  server.listen(target.port, target.host);
  await once(server, 'listening').catch((error: unknown) => {
    throw explainListenFailure(error, target);
  });
}

async function closeServer(server: Server | SecureServer): Promise<void> {
  server.close();
  server.closeIdleConnections();
  await once(server, 'close');
}

async function startEmbeddedEngine(config: Config, log: Logger, undo: Undo[]): Promise<Engine | undefined> {
  if (config.clickhouseUrl !== undefined) return undefined;
  const engine = await startEngine({ dataDir: config.dataDir, log });
  undo.push(() => engine.stop());
  return engine;
}

/** A ClickHouse that is away keeps no spans out: they wait in the spool until it is there and has the tables. */
async function startSchema(
  schema: Schema,
  config: Config,
  readiness: Readiness,
  log: Logger,
  undo: Undo[],
): Promise<Schema> {
  readiness.add('queries', 'schema', () => ({ ready: schema.isUpToDate }));
  try {
    await schema.ensure();
  } catch (error) {
    if (config.clickhouseUrl === undefined || !isConnectionFailure(error)) throw error;
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

async function openSpool(config: Config, log: Logger, undo: Undo[]): Promise<Spool> {
  const { spoolMaxBytes, minFreeBytes } = config;
  const dataDir = resolve(config.dataDir);
  const directory = join(dataDir, 'spool');
  // The embedded engine has locked its directory.
  if (config.clickhouseUrl !== undefined) undo.push(await lockDirectory(dataDir, chooseSocketPath(dataDir)));
  return Spool.open({ directory, maxBytes: spoolMaxBytes, minFreeBytes, log });
}

async function startRetaining(
  config: Config,
  client: StoreClient,
  spool: Spool,
  log: Logger,
  undo: Undo[],
): Promise<DataControl> {
  const { retentionDiskShare } = config;
  // What else lives on the disk of a ClickHouse that is not ours is not ours to reckon with.
  const diskShareAtStart = config.clickhouseUrl === undefined ? defaultDiskShare : null;
  const settings = await RetentionSettings.open(join(resolve(config.dataDir), 'retention.json'), {
    maxAgeMs: config.retentionAge,
    maxBytes: config.retentionMaxBytes,
    maxDiskShare: retentionDiskShare === undefined ? diskShareAtStart : retentionDiskShare,
  });
  const reserve =
    config.clickhouseUrl === undefined ? new SpaceReserve(join(resolve(config.dataDir), 'reserve')) : undefined;
  const retention = new Retention({ client, settings, reserve, log });
  undo.push(() => retention.stop());
  retention.start();
  const redactions = await Redactions.open(client, join(resolve(config.dataDir), 'redactions.json'));
  return new DataControl({ client, retention, redactions, flush: (signal) => spool.flush(signal), log });
}

async function startTailSampling(
  config: Config,
  client: StoreClient,
  schema: Schema,
  spool: Spool,
  metrics: Metrics,
  log: Logger,
  undo: Undo[],
): Promise<void> {
  const { tailSamplingAfter: afterMs, tailSamplingKeep: keep } = config;
  const path = join(resolve(config.dataDir), 'tail-sampling.json');
  if (afterMs === undefined || keep === undefined) return TailSampling.forget(path);
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
}

/** receive -> transcode -> spool -> store */
async function startReceiving({
  config,
  client,
  schema,
  spool,
  data,
  readiness,
  metrics,
  access,
  log,
  undo,
}: Parts): Promise<ReceiverUrls> {
  readiness.add('ingest', 'spool', async () => {
    const reason = await spool.findObstacle();
    const details = { bytes: spool.bytes, maxBytes: config.spoolMaxBytes };
    return reason === null ? { ready: true, ...details } : { ready: false, reason, ...details };
  });
  metrics.watchSpool(() => spool);
  // A fault of the schema is none of a segment.
  const isRetryable = (error: unknown): boolean =>
    !schema.isUpToDate || !(error instanceof StoreError) || error.retryable;
  const stopping = new AbortController();
  const loader = runLoader(
    {
      spool,
      insert: async (table, block, token) => {
        await schema.ensure();
        await metrics.observeInsert(table, () => insertBlock(client, table, block, token), isRetryable);
      },
      insertMissing: (spans) => insertMissingSpans(client, spans),
      betweenSegments: () => data.tidyResources(),
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

  const transcoder = new TranscoderThread(config.dropSpans);
  undo.push(() => transcoder.close());
  const commits = new GroupCommit({
    transcode: (requests) => transcoder.transcode(requests),
    append: (blocks) => spool.append(blocks),
    maxPendingBytes: 2 * config.maxRequestBytes,
  });
  const ingest = async (request: ExportRequest): Promise<ExportResult> => {
    try {
      return await commits.add(request);
    } catch (error) {
      if (error instanceof MalformedRequestError) throw new OtlpError(400, error.message);
      if (error instanceof SpoolUnavailableError) throw new OtlpError(503, error.message, error.obstacle);
      if (error instanceof TranscoderEndedError) {
        log.error({ err: error }, 'The thread that reads requests ended; the next request starts another');
        throw new OtlpError(503, error.message);
      }
      throw error;
    }
  };

  const start = async ({ server, close }: Receiver, setting: ReceiverPort, name: string): Promise<string> => {
    const { host, [setting]: port } = config;
    await listen(server, { host, port, ...nameSetting(setting) });
    readiness.add('ingest', name, () => ({ ready: server.listening }));
    undo.push(close);
    return formatUrl(host, (server.address() as AddressInfo).port, access.tls);
  };
  const overHttp = (server: Server | SecureServer): Receiver => ({ server, close: () => closeServer(server) });
  // One as large as is allowed, and others beside it; many, where only small ones are allowed.
  const budget = new BodyBudget(Math.max(2 * config.maxRequestBytes, 64 * 1024 * 1024));
  const optionsOf = (name: string, corsOrigins = config.ingestCorsOrigins) => ({
    ingest,
    corsOrigins,
    maxRequestBytes: config.maxRequestBytes,
    budget,
    metrics: metrics.receiver(name),
    isAuthorized: access.mayIngest,
    tls: access.tls,
    requestTimeoutMs: config.requestTimeoutMs,
    log,
  });
  const grpcOptionsOf = (name: string) => ({
    ...optionsOf(name),
    isReady: async () => (await readiness.reportOn('ingest')).ready,
  });
  const otlp = createOtlpHttpServer(optionsOf('otlp-http'));
  const otlpGrpc = createGrpcReceiver(otlpGrpcProtocol, grpcOptionsOf('otlp-grpc'));
  const zipkin = createTextReceiver(zipkinProtocol, optionsOf('zipkin'));
  const jaeger = createTextReceiver(jaegerThriftProtocol, optionsOf('jaeger-http', []));
  const jaegerGrpc = createGrpcReceiver(jaegerGrpcProtocol, grpcOptionsOf('jaeger-grpc'));
  return {
    otlpUrl: await start(overHttp(otlp), 'otlpHttpPort', 'otlp-http'),
    otlpGrpcUrl: await start(otlpGrpc, 'otlpGrpcPort', 'otlp-grpc'),
    zipkinUrl: await start(overHttp(zipkin), 'zipkinPort', 'zipkin'),
    jaegerUrl: await start(overHttp(jaeger), 'jaegerHttpPort', 'jaeger-http'),
    jaegerGrpcUrl: await start(jaegerGrpc, 'jaegerGrpcPort', 'jaeger-grpc'),
  };
}

type ReceiverPort = 'otlpHttpPort' | 'otlpGrpcPort' | 'zipkinPort' | 'jaegerHttpPort' | 'jaegerGrpcPort';

/** A port that takes spans. */
interface Receiver {
  readonly server: NetServer;
  readonly close: () => Promise<void>;
}

/** query -> serve */
async function startServing({ config, client, data, readiness, metrics, access, log, undo }: Parts): Promise<string> {
  const { host, httpPort: port } = config;
  readiness.add('queries', 'store', (signal) => checkStore(client, signal));
  const app = createHttpServer({
    client,
    data,
    log,
    host,
    webRoot: findWebRoot(),
    readiness,
    metrics,
    isAuthorized: access.mayQuery,
    tls: access.tls,
  });
  undo.push(() => app.close());
  await app.listen({ host, port }).catch((error: unknown) => {
    throw explainListenFailure(error, { host, port, ...nameSetting('httpPort') });
  });
  return formatUrl(host, (app.server.address() as AddressInfo).port, access.tls);
}

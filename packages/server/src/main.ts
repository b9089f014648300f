import { once } from 'node:events';
import type { Server } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { join, resolve } from 'node:path';
import type { ReceiversResponse } from '@clew/model';
import { createCallerLookup, createSenderLookup, isOpen, readTokens, type Tokens } from './access.ts';
import { createHostCheck, type HostCheck, isLoopback } from './allowed-hosts.ts';
import { type Config, nameSetting } from './config.ts';
import { type ConnectionLimits, limitConnections } from './connection-limits.ts';
import { warnIfOpenToOthers } from './data-directory.ts';
import { type Engine, startEngine } from './engine/engine.ts';
import { engineDefaults } from './engine/engine-options.ts';
import { chooseSocketPath } from './engine/socket-path.ts';
import { ClewError } from './errors.ts';
import { createLogger, type Logger } from './log.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';
import { OverflowSpace } from './query/read-ahead.ts';
import { BodyBudget } from './receive/body-budget.ts';
import { BoundedStreams } from './receive/bounded-streams.ts';
import { jaegerGrpcProtocol, otlpGrpcProtocol } from './receive/grpc-protocol.ts';
import { createGrpcReceiver } from './receive/grpc-receiver.ts';
import { createHttpReceiver } from './receive/http-receiver.ts';
import { jaegerThriftProtocol } from './receive/jaeger-http.ts';
import { otlpHttpProtocol } from './receive/otlp-http.ts';
import { zipkinProtocol } from './receive/zipkin-http.ts';
import { createHealthServer } from './serve/health.ts';
import { createHttpServer } from './serve/http-server.ts';
import { explainListenFailure, formatUrl, type ListenTarget } from './serve/listen.ts';
import { Readiness } from './serve/readiness.ts';
import { reportOnTranscoders } from './serve/transcoder-readiness.ts';
import { findWebRoot } from './serve/web-ui.ts';
import { lockDirectory } from './spool/directory-lock.ts';
import { describeObstacle } from './spool/spool.ts';
import { addressOfTenant, checkStore } from './store/client.ts';
import { QueryTurns } from './store/query-turns.ts';
import { readTls, type TlsOptions } from './tls.ts';
import { TranscoderPool } from './transcode/transcoder-pool.ts';
import { type Undo, undoAll } from './undo.ts';

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

/** What the receivers and the API are put together from. */
interface Parts {
  readonly config: Config;
  /** Of those who are no tenant. */
  readonly main: Pipeline;
  /** In the order of the configuration. */
  readonly tenants: readonly Pipeline[];
  readonly tokens: Tokens;
  readonly tls: TlsOptions | undefined;
  readonly allowsHost: HostCheck;
  readonly connections: ConnectionLimits;
  readonly readiness: Readiness;
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
  for (const warning of config.warnings) log.warn(warning);
  const undo: Undo[] = [];
  const readiness = new Readiness(log);
  const close = async (): Promise<void> => {
    readiness.enter('stopping');
    await undoAll(undo, log);
  };
  try {
    const tokens = readTokens(config);
    warnIfExposed(config, tokens, log);
    warnOfSharedRights(tokens, log);
    warnIfOpenToOthers(config.dataDir, log);
    const tls = readTls({ cert: config.tlsCert, key: config.tlsKey, clientCa: config.tlsClientCa });
    const allowsHost = createHostCheck(config.host, config.allowedHosts);
    const connections = limitConnections(1 + config.tenants.length, log);
    const health = createHealthServer({ readiness, allowsHost, maxConnections: connections.health });
    const healthUrl = await startHealth(config, health, log, undo);
    const engine = await startEmbeddedEngine(config, log, undo);
    const transcoders = new TranscoderPool({
      dropRules: config.dropSpans,
      maxRequestBytes: config.maxRequestBytes,
      log,
    });
    undo.push(() => transcoders.close());
    const [main, ...tenants] = await startPipelines(config, engine, transcoders, log, undo);
    if (engine !== undefined) main!.metrics.watchEngine(engine);
    main!.metrics.watchTranscoders(transcoders);
    watchPipelines(readiness, config, main!, tenants);
    readiness.add('ingest', 'transcoder', () => reportOnTranscoders(transcoders));
    const parts = { config, main: main!, tenants, tokens, tls, allowsHost, connections, readiness, log, undo };
    const receivers = await startReceiving(parts);
    const uiUrl = await startServing(parts, describeReceivers(receivers, parts));
    readiness.enter('running');
    const store = config.clickhouseUrl === undefined ? 'embedded' : 'remote';
    log.info({ uiUrl, ...receivers, healthUrl, store }, 'Ready');
    return { uiUrl, ...receivers, healthUrl, close };
  } catch (error) {
    // What fails then is in the log; what stopped the start is more to the point.
    await close().catch(() => {});
    throw error;
  }
}

/** Query tokens are given to dashboards and colleagues, who seldom should be able to delete traces. */
function warnOfSharedRights({ query, admin, tenants }: Tokens, log: Logger): void {
  const shared = [
    ...(query.length > 0 && admin.length === 0 ? ['CLEW_ADMIN_TOKENS'] : []),
    ...tenants.filter(({ adminTokens }) => adminTokens.length === 0).map(({ name }) => `adminTokens of tenant ${name}`),
  ];
  if (shared.length === 0) return;
  log.warn({ unset: shared }, 'Every query token can delete and redact traces: set admin tokens to keep the two apart');
}

/** Where strangers could come: bound to an outside address, without tokens. */
function warnIfExposed({ host }: Config, { ingest, query, tenants }: Tokens, log: Logger): void {
  if (isLoopback(host)) return;
  const open = [
    ...(isOpen(ingest, tenants) ? [{ can: 'send spans', variable: 'CLEW_INGEST_TOKENS' }] : []),
    ...(isOpen(query, tenants) ? [{ can: 'read all traces', variable: 'CLEW_QUERY_TOKENS' }] : []),
  ];
  if (open.length === 0) return;
  const can = open.map((each) => each.can).join(' and ');
  const variables = open.map((each) => each.variable).join(' and ');
  log.warn(
    { host },
    `Everyone who reaches this address can ${can}: set ${variables}, or bind to 127.0.0.1 with CLEW_HOST`,
  );
}

/** Where OpenTelemetry's collector has its health check. */
const usualHealthPort = 13_133;

/** Comes first and goes last, so that it can say that the rest is starting or stopping. */
async function startHealth(config: Config, server: Server, log: Logger, undo: Undo[]): Promise<string | undefined> {
  const { host, healthPort: port = usualHealthPort } = config;
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

/** Statements of queries that a ClickHouse runs for this server at the same time. */
const remoteTurns = 16;

/** Of all tenants together; with several, one may have half of it. */
const maxOverflowBytes = 2 * 1024 ** 3;

/** Long enough for a network that is gone for a moment. */
const readerStallMs = 30_000;

/** That of those who are no tenant, then one a tenant. */
async function startPipelines(
  config: Config,
  engine: Engine | undefined,
  transcoders: TranscoderPool,
  log: Logger,
  undo: Undo[],
): Promise<readonly Pipeline[]> {
  const dataDir = resolve(config.dataDir);
  // The embedded engine has locked its directory.
  if (engine === undefined) undo.push(await lockDirectory(dataDir, chooseSocketPath(dataDir)));
  const { clickhouseUrl, clickhouseCluster: cluster } = config;
  const address = engine === undefined ? { clickhouseUrl: clickhouseUrl!, cluster } : { socketPath: engine.socketPath };
  // Of the embedded engine's sessions, one is for writes.
  const turns = new QueryTurns(engine === undefined ? remoteTurns : engineDefaults.sessions - 1);
  const overflow = await OverflowSpace.open(join(dataDir, 'overflow'), maxOverflowBytes);
  const common = { config, turns, undo };
  const shareOverflow = () => overflow.share(config.tenants.length === 0 ? maxOverflowBytes : maxOverflowBytes / 2);
  const main = {
    ...common,
    overflow: shareOverflow(),
    transcoders: transcoders.createQueue(),
    address,
    directory: dataDir,
    hasReserve: engine !== undefined,
    log,
  };
  const pipelines = [await startPipeline(main)];
  for (const { name } of config.tenants) {
    const directory = join(dataDir, 'tenants', name);
    const ofTenant = { address: addressOfTenant(address, name), directory, log: log.child({ tenant: name }) };
    const own = { transcoders: transcoders.createQueue(), overflow: shareOverflow(), hasReserve: false };
    pipelines.push(await startPipeline({ ...common, ...ofTenant, ...own }));
  }
  return pipelines;
}

/** Anyone may ask what is ready, so that tenants are not named. */
function watchPipelines(
  readiness: Readiness,
  { spoolMaxBytes: maxBytes }: Config,
  main: Pipeline,
  tenants: readonly Pipeline[],
): void {
  readiness.add('queries', 'schema', () => ({ ready: main.schema.isUpToDate }));
  readiness.add('queries', 'store', (signal) => checkStore(main.client, signal));
  readiness.add('ingest', 'spool', async () => {
    const obstacle = await main.spool.findObstacle();
    const details = { bytes: main.spool.bytes, maxBytes };
    if (obstacle === null) return { ready: true, ...details };
    return { ready: false, reason: describeObstacle(obstacle), detail: obstacle.message, ...details };
  });
  if (tenants.length === 0) return;
  const report = (unready: number) =>
    unready === 0 ? { ready: true } : { ready: false, reason: `not for ${unready} of ${tenants.length} tenants` };
  readiness.add('queries', 'tenants', () => report(tenants.filter(({ schema }) => !schema.isUpToDate).length));
  readiness.add('ingest', 'tenants', async () => {
    const obstacles = await Promise.all(tenants.map(({ spool }) => spool.findObstacle()));
    return report(obstacles.filter((obstacle) => obstacle !== null).length);
  });
}

/** receive: each request to the pipeline of whom its token belongs to. */
async function startReceiving({
  config,
  main,
  tenants,
  tokens,
  tls,
  allowsHost,
  connections,
  readiness,
  log,
  undo,
}: Parts): Promise<ReceiverUrls> {
  const start = async ({ server, close }: Receiver, setting: ReceiverPort, name: string): Promise<string> => {
    const { host, [setting]: port } = config;
    await listen(server, { host, port, ...nameSetting(setting) });
    readiness.add('ingest', name, () => ({ ready: server.listening }));
    undo.push(close);
    return formatUrl(host, (server.address() as AddressInfo).port, tls);
  };
  const overHttp = (server: Server | SecureServer): Receiver => ({ server, close: () => closeServer(server) });
  // One as large as is allowed, and others beside it; many, where only small ones are allowed.
  const { maxRequestBytes, requestTimeoutMs } = config;
  const budget = new BodyBudget({ maxBytes: Math.max(2 * maxRequestBytes, 64 * 1024 * 1024), requestTimeoutMs });
  const shares = new Map([main, ...tenants].map((pipeline) => [pipeline, budget.createShare()]));
  const destinationOf = (receiver: string) => {
    const toDestination = (pipeline: Pipeline) => ({
      ingest: pipeline.ingest,
      waitForRoom: pipeline.waitForRoom,
      memory: shares.get(pipeline)!,
      metrics: pipeline.metrics.receiver(receiver),
    });
    return createSenderLookup(tokens, toDestination(main), tenants.map(toDestination));
  };
  const optionsOf = (name: string, corsOrigins = config.ingestCorsOrigins) => ({
    destinationOf: destinationOf(name),
    corsOrigins,
    maxRequestBytes,
    metrics: main.metrics.receiver(name),
    tls,
    allowsHost,
    maxConnections: connections.receiver,
    requestTimeoutMs,
    log,
  });
  const uncountedStreams = new BoundedStreams(maxUncountedStreams);
  const grpcOptionsOf = (name: string) => ({
    ...optionsOf(name),
    uncountedStreams,
    isReady: async () => (await readiness.reportOn('ingest')).ready,
  });
  const otlp = createHttpReceiver(otlpHttpProtocol, optionsOf('otlp-http'));
  const otlpGrpc = createGrpcReceiver(otlpGrpcProtocol, grpcOptionsOf('otlp-grpc'));
  const zipkin = createHttpReceiver(zipkinProtocol, optionsOf('zipkin'));
  const jaeger = createHttpReceiver(jaegerThriftProtocol, optionsOf('jaeger-http', []));
  const jaegerGrpc = createGrpcReceiver(jaegerGrpcProtocol, grpcOptionsOf('jaeger-grpc'));
  return {
    otlpUrl: await start(overHttp(otlp), 'otlpHttpPort', 'otlp-http'),
    otlpGrpcUrl: await start(otlpGrpc, 'otlpGrpcPort', 'otlp-grpc'),
    zipkinUrl: await start(overHttp(zipkin), 'zipkinPort', 'zipkin'),
    jaegerUrl: await start(overHttp(jaeger), 'jaegerHttpPort', 'jaeger-http'),
    jaegerGrpcUrl: await start(jaegerGrpc, 'jaegerGrpcPort', 'jaeger-grpc'),
  };
}

/** Each costs some 10 KiB, its headers included. */
const maxUncountedStreams = 4_096;

type ReceiverPort = 'otlpHttpPort' | 'otlpGrpcPort' | 'zipkinPort' | 'jaegerHttpPort' | 'jaegerGrpcPort';

/** A port that takes spans. */
interface Receiver {
  readonly server: NetServer;
  readonly close: () => Promise<void>;
}

function describeReceivers(urls: ReceiverUrls, { tokens }: Parts): ReceiversResponse {
  return {
    receivers: [
      { receiver: 'otlp-http', url: urls.otlpUrl },
      { receiver: 'otlp-grpc', url: urls.otlpGrpcUrl },
      { receiver: 'zipkin', url: urls.zipkinUrl },
      { receiver: 'jaeger-http', url: urls.jaegerUrl },
      { receiver: 'jaeger-grpc', url: urls.jaegerGrpcUrl },
    ],
    needsToken: !isOpen(tokens.ingest, tokens.tenants),
  };
}

/** query -> serve */
async function startServing(
  { config, main, tenants, tokens, tls, allowsHost, connections, readiness, log, undo }: Parts,
  receivers: ReceiversResponse,
): Promise<string> {
  const { host, httpPort: port } = config;
  const app = createHttpServer({
    callerOf: createCallerLookup(tokens, main, tenants),
    log,
    allowsHost,
    maxConnections: connections.ui,
    webRoot: findWebRoot(),
    readiness,
    metrics: main.metrics,
    readerStallMs,
    tls,
    receivers,
  });
  undo.push(() => app.close());
  await app.listen({ host, port }).catch((error: unknown) => {
    throw explainListenFailure(error, { host, port, ...nameSetting('httpPort') });
  });
  return formatUrl(host, (app.server.address() as AddressInfo).port, tls);
}

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { EngineProcessOptions } from './engine-options.ts';
import { createException, type EngineException, exceptions, readException } from './exception.ts';
import { InsertTooLargeError, withInsertFile } from './insert-file.ts';
import { LaneFullError, type Lease, type SessionPool } from './session-pool.ts';
import {
  applyContext,
  MissingParamError,
  quoteText,
  resetContext,
  SettingNameError,
  type StatementContext,
} from './session-settings.ts';
import { classifyStatement, type Statement } from './statement.ts';
import { type StatementStopper, tagSetting } from './statement-stopper.ts';

/** The text of a statement, its parameters not counted. */
const maxStatementBytes = 1024 * 1024;

/**
 * What the server may leave unread before a statement waits for it. The server reads as fast as it can and keeps what its
 * own client leaves (`query/read-ahead.ts`), so that a session never waits for a browser.
 */
const maxUnreadBytes = 16 * 1024 * 1024;

/** URL parameters that are neither settings nor `param_*`. Those with `false` would change the answer and are refused. */
const controlParams: ReadonlyMap<string, boolean> = new Map([
  ['query', true],
  ['query_id', true],
  ['database', true],
  ['wait_end_of_query', true],
  ['enable_http_compression', true],
  ['session_id', false],
  ['role', false],
  ['default_format', false],
  ['compress', false],
  ['decompress', false],
]);

interface EngineRequest {
  readonly statement: Statement;
  readonly context: StatementContext;
  /** Nothing is sent before the statement has succeeded. */
  readonly waitsForEnd: boolean;
  readonly signal: AbortSignal;
}

/** A fault of the request, found before the engine saw it. */
class RequestFault extends Error {
  override readonly name = 'RequestFault';
}

export interface EngineHandlerOptions {
  readonly pool: SessionPool;
  readonly stopper: StatementStopper;
  readonly limits: EngineProcessOptions;
  /** Where the data of inserts waits for the engine. */
  readonly insertDir: string;
  /** Settings that hold when a request sets nothing. */
  readonly baseSettings: ReadonlyMap<string, string>;
}

/**
 * Answers the part of ClickHouse's HTTP interface that `@clickhouse/client` uses: `/ping`; `POST /` with the statement
 * in the body, or in `query` with the data of an INSERT in the body; `GET /` with `query`. Parameters `param_*` are
 * bound, `database` and settings hold for the one statement. A result is sent while it is made; when the statement
 * fails after that began, the connection is broken off, so that no client takes a part for the whole. When the client
 * closes the connection before the end, a SELECT is stopped and its session is free for the next one.
 */
export function createEngineHandler(
  options: EngineHandlerOptions,
): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    answer(options, req, res).catch((error: unknown) => {
      if (res.headersSent) res.destroy();
      else sendException(req, res, explainFailure(error));
    });
  };
}

async function answer(options: EngineHandlerOptions, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const url = new URL(req.url ?? '/', 'http://engine');
  if (url.pathname === '/ping') {
    res.end('Ok.\n');
    return;
  }
  if (url.pathname !== '/') throw new RequestFault(`There is nothing at ${url.pathname}; statements go to /.`);
  if (req.headers['content-encoding'] !== undefined) {
    throw new RequestFault(`Content-Encoding ${req.headers['content-encoding']} is not supported; send plain bytes.`);
  }
  const queryId = url.searchParams.get('query_id');
  if (queryId !== null) res.setHeader('X-ClickHouse-Query-Id', queryId);
  const request = await readRequest(url, req, res);
  if (request.statement.kind === 'insert-data') await insertData(options, request, request.statement, req, res);
  else await runStatement(options, request, request.statement, res);
}

async function readRequest(url: URL, req: IncomingMessage, res: ServerResponse): Promise<EngineRequest> {
  const settings = new Map<string, string>();
  const params = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    if (controlParams.get(name) === false) throw new RequestFault(`The URL parameter ${name} is not supported.`);
    if (controlParams.has(name)) continue;
    if (name.startsWith('param_')) params.set(name.slice('param_'.length), value);
    else settings.set(name, value);
  }
  const closed = new AbortController();
  res.once('close', () => closed.abort(new Error('The client closed the connection.')));
  const inUrl = url.searchParams.get('query') ?? '';
  let statement = classifyStatement(inUrl);
  if (statement.kind !== 'insert-data') statement = classifyStatement(`${inUrl}${await readText(req)}`);
  if (statement.kind === 'insert-data' && inUrl === '') {
    throw new RequestFault('The data of an INSERT goes into the body, its statement into the URL parameter query.');
  }
  return {
    statement,
    context: { settings, params, database: url.searchParams.get('database') ?? undefined },
    waitsForEnd: url.searchParams.get('wait_end_of_query') === '1',
    signal: closed.signal,
  };
}

async function readText(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of req.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes > maxStatementBytes) {
      throw new InsertTooLargeError(`The statement is longer than ${maxStatementBytes} bytes.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function insertData(
  options: EngineHandlerOptions,
  request: EngineRequest,
  statement: Statement & { kind: 'insert-data' },
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  await withInsertFile(options.insertDir, req, options.limits.maxInsertBytes, async (path) => {
    // The structure of the table, so that columns are found by name as ClickHouse's HTTP interface does.
    const source = `file(${quoteText(path)}, ${quoteText(statement.format)})`;
    const sql = `${statement.target} SELECT * FROM ${source} SETTINGS use_structure_from_insertion_table_in_table_functions = 1`;
    await inSession(options, 'write', request, sql, async ({ session }) => {
      await session.queryAsync(sql);
    });
  });
  res.end();
}

async function runStatement(
  options: EngineHandlerOptions,
  request: EngineRequest,
  statement: Statement & { kind: 'select' | 'other' },
  res: ServerResponse,
): Promise<void> {
  const { sql, format } = statement;
  res.setHeader('X-ClickHouse-Format', format);
  if (statement.kind === 'other') {
    await inSession(options, 'write', request, sql, async ({ session }) => {
      res.end((await session.queryAsync(sql, { format })).bytes());
    });
    return;
  }
  const { signal, context } = request;
  const tag = `clew-${++lastTag}`;
  const tagged = { ...request, context: { ...context, settings: new Map(context.settings).set(tagSetting, tag) } };
  await inSession(options, 'read', tagged, sql, ({ session }) =>
    options.stopper.run(signal, tag, async () => {
      if (!statement.streamable || request.waitsForEnd) {
        res.end((await session.queryAsync(sql, { format })).bytes());
        return;
      }
      for await (const chunk of session.queryStream(sql, { format, signal })) {
        if (!res.write(chunk.raw())) await waitForReader(res, signal);
      }
      res.end();
    }),
  );
}

let lastTag = 0;

/** Takes a session, sets what the request wants, runs `work`, and leaves the session as it was. */
function inSession(
  { pool, baseSettings }: EngineHandlerOptions,
  lane: 'read' | 'write',
  { context, signal }: EngineRequest,
  sql: string,
  work: (lease: Lease) => Promise<void>,
): Promise<void> {
  return pool.run(lane, signal, async (lease) => {
    try {
      await applyContext(lease.session, context, sql);
      await work(lease);
    } finally {
      // After a setting that does not exist, the reset fails as well: a fresh session is the sure way back.
      await resetContext(lease.session, context, baseSettings).catch(() => lease.spoil());
    }
  });
}

async function waitForReader(res: ServerResponse, signal: AbortSignal): Promise<void> {
  if (res.writableLength < maxUnreadBytes) return;
  await once(res, 'drain', { signal });
}

function explainFailure(error: unknown): EngineException {
  if (error instanceof LaneFullError) return createException(exceptions.TOO_MANY_SIMULTANEOUS_QUERIES, error.message);
  if (error instanceof InsertTooLargeError) return createException(exceptions.TOO_MANY_BYTES, error.message);
  if (error instanceof MissingParamError) return createException(exceptions.UNKNOWN_QUERY_PARAMETER, error.message);
  if (error instanceof RequestFault || error instanceof SettingNameError) {
    return createException(exceptions.BAD_ARGUMENTS, error.message);
  }
  return readException(error);
}

function sendException(req: IncomingMessage, res: ServerResponse, exception: EngineException): void {
  res.removeHeader('X-ClickHouse-Format');
  // What is left of the body is not worth reading.
  if (!req.complete) res.setHeader('Connection', 'close');
  res.writeHead(exception.status, {
    'Content-Type': 'text/plain; charset=UTF-8',
    'X-ClickHouse-Exception-Code': exception.code,
  });
  res.end(`${exception.text}\n`);
  req.resume();
}

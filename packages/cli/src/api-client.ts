import type {
  DeleteTraceResponse,
  ErrorResponse,
  OperationMetricsResponse,
  Redaction,
  RedactionRequest,
  RedactionsResponse,
  RetentionRequest,
  RetentionResponse,
  SearchResponse,
  ServiceGraphResponse,
  StatsResponse,
  TraceTable,
} from '@clew/model';
import { redactionsPath, retentionPath, TraceTableError, tableFromNative, tracePath } from '@clew/model';
import { escapeControls } from '@clew/model/text';
import { MalformedBlockError } from '@clew/wire';
import { CliError } from './cli-error.ts';

/** What the commands ask of a server: Clew's own HTTP API, see `api.ts` of `@clew/model`. */
export interface ApiClient {
  /** The page of the UI at a path such as `/trace/…`. */
  uiLink(path: string): string;
  /** @param path As {@link searchPath} gives it. */
  search(path: string): Promise<SearchResponse>;
  /** @param path As {@link operationMetricsPath} gives it. */
  operationMetrics(path: string): Promise<OperationMetricsResponse>;
  /** @param path As {@link serviceGraphPath} gives it. */
  serviceGraph(path: string): Promise<ServiceGraphResponse>;
  /** @param path As `statsPath` of `@clew/model`. */
  stats(path: string): Promise<StatsResponse>;
  /** @param path As {@link tracePath} gives it. */
  trace(path: string): Promise<TraceTable>;
  deleteTrace(traceId: string): Promise<DeleteTraceResponse>;
  retention(): Promise<RetentionResponse>;
  changeRetention(change: RetentionRequest): Promise<RetentionResponse>;
  redactions(): Promise<RedactionsResponse>;
  redact(redaction: RedactionRequest): Promise<Redaction>;
}

/** Longer than the default of CLEW_QUERY_TIMEOUT_MS, so that the server's reason arrives before the CLI gives up. */
const defaultTimeoutMs = 90_000;

/**
 * @param serverUrl Address of the UI and API, such as `http://localhost:16686`.
 * @param token Sent with every request, when there is one.
 * @param timeoutMs How long the server may send nothing.
 * @throws {CliError} When it is no http or https URL.
 */
export function connect(serverUrl: string, token: string | undefined, timeoutMs: number = defaultTimeoutMs): ApiClient {
  const base = parseServerUrl(serverUrl);
  // A path under the server's own: a server behind a proxy may live at https://example.org/clew/.
  const resolve = (path: string) => new URL(path.replace(/^\//, ''), base);
  const ask = (path: string, init: RequestInit = {}) => request(resolve(path), { serverUrl, token, timeoutMs }, init);
  const askJson = async <Answer>(path: string, init?: RequestInit): Promise<Answer> => {
    const body = await ask(path, init);
    try {
      return JSON.parse(new TextDecoder().decode(body)) as Answer;
    } catch {
      throw new CliError(`${serverUrl} answered with something that is not JSON: is it another server?`);
    }
  };
  const send = <Answer>(path: string, method: string, body: unknown): Promise<Answer> =>
    askJson(path, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return {
    uiLink: (path) => resolve(path).href,
    search: askJson,
    operationMetrics: askJson,
    serviceGraph: askJson,
    stats: askJson,
    trace: async (path) => readTable(await ask(path), serverUrl),
    deleteTrace: (traceId) => askJson(tracePath(traceId), { method: 'DELETE' }),
    retention: () => askJson(retentionPath),
    changeRetention: (change) => send(retentionPath, 'PUT', change),
    redactions: () => askJson(redactionsPath),
    redact: (redaction) => send(redactionsPath, 'POST', redaction),
  };
}

function readTable(blocks: Uint8Array, serverUrl: string): TraceTable {
  try {
    return tableFromNative(blocks);
  } catch (error) {
    if (!(error instanceof TraceTableError || error instanceof MalformedBlockError)) throw error;
    throw new CliError(`${serverUrl} answered with something that is not a trace: ${error.message}`);
  }
}

function parseServerUrl(serverUrl: string): URL {
  if (!/^https?:\/\//.test(serverUrl) || !URL.canParse(serverUrl)) {
    throw new CliError(`"${serverUrl}" is no address of a server: give one such as --server http://localhost:16686`);
  }
  const url = new URL(serverUrl);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

interface Server {
  readonly serverUrl: string;
  readonly token: string | undefined;
  readonly timeoutMs: number;
}

/**
 * The body of the answer. A large trace may take long on a slow line, so that the time counts from the last bytes.
 * @throws {CliError} When no server answers, or it answers with an error.
 */
async function request(url: URL, { serverUrl, token, timeoutMs }: Server, init: RequestInit): Promise<Uint8Array> {
  const headers = new Headers(init.headers);
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), timeoutMs);
  let isAnswered = false;
  try {
    const response = await fetch(url, { ...init, headers, signal: silence.signal });
    isAnswered = true;
    const pieces: Uint8Array[] = [];
    for await (const piece of response.body ?? []) {
      timer.refresh();
      pieces.push(piece);
    }
    const body = Buffer.concat(pieces);
    if (response.ok) return body;
    throw new CliError(readErrorMessage(response, body.toString(), serverUrl));
  } catch (error) {
    if (error instanceof CliError) throw error;
    if (silence.signal.aborted) throw new CliError(explainSilence(serverUrl, timeoutMs, init.method ?? 'GET'));
    const cause = error instanceof Error && error.cause instanceof Error ? describeCause(error.cause) : String(error);
    throw new CliError(
      isAnswered
        ? `${serverUrl} broke off its answer (${cause}): try again; if it happens again, see the log of the server`
        : `no Clew server answers at ${serverUrl} (${cause}): start one with "clew serve", or name another with --server or CLEW_URL`,
    );
  } finally {
    clearTimeout(timer);
  }
}

function explainSilence(serverUrl: string, timeoutMs: number, method: string): string {
  const advice =
    method === 'GET'
      ? 'try again, with a shorter time range where the command has one'
      : 'what was asked for may still be under way: look before you ask again';
  return `${serverUrl} sent nothing for ${timeoutMs / 1000} s; ${advice}`;
}

/** Connecting to a name with several addresses fails with one error an address and no message of its own. */
function describeCause(cause: Error): string {
  const code = 'code' in cause ? String(cause.code) : '';
  return cause.message || code || cause.name;
}

function readErrorMessage({ status, statusText }: Response, body: string, serverUrl: string): string {
  try {
    const { code, message } = JSON.parse(body) as Partial<ErrorResponse>;
    if (typeof code === 'string' && typeof message === 'string') return escapeControls(`${message} (${code})`);
  } catch {
    // Not an answer of Clew's API: said below.
  }
  return `${serverUrl} answered ${status} ${escapeControls(statusText)}, which Clew does not: is it another server?`;
}

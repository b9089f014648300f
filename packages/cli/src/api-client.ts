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
} from '@clew/model';
import { redactionsPath, retentionPath, tracePath } from '@clew/model';
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
  /**
   * The Native blocks of a trace.
   *
   * @param path As {@link tracePath} gives it.
   */
  trace(path: string): Promise<Uint8Array>;
  deleteTrace(traceId: string): Promise<DeleteTraceResponse>;
  retention(): Promise<RetentionResponse>;
  changeRetention(change: RetentionRequest): Promise<RetentionResponse>;
  redactions(): Promise<RedactionsResponse>;
  redact(redaction: RedactionRequest): Promise<Redaction>;
}

/** Long enough for a search over all that is stored, short enough that a hung server is noticed. */
const requestTimeoutMs = 30_000;

/**
 * @param serverUrl Address of the UI and API, such as `http://localhost:16686`.
 * @param token Sent with every request, when there is one.
 * @throws {CliError} When it is no http or https URL.
 */
export function connect(serverUrl: string, token: string | undefined): ApiClient {
  const base = parseServerUrl(serverUrl);
  // A path under the server's own: a server behind a proxy may live at https://example.org/clew/.
  const resolve = (path: string) => new URL(path.replace(/^\//, ''), base);
  const ask = (path: string, init?: RequestInit) => request(resolve(path), serverUrl, token, init);
  const send = (path: string, method: string, body: unknown) =>
    ask(path, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return {
    uiLink: (path) => resolve(path).href,
    search: async (path) => (await (await ask(path)).json()) as SearchResponse,
    operationMetrics: async (path) => (await (await ask(path)).json()) as OperationMetricsResponse,
    serviceGraph: async (path) => (await (await ask(path)).json()) as ServiceGraphResponse,
    stats: async (path) => (await (await ask(path)).json()) as StatsResponse,
    trace: async (path) => new Uint8Array(await (await ask(path)).arrayBuffer()),
    deleteTrace: async (traceId) =>
      (await (await ask(tracePath(traceId), { method: 'DELETE' })).json()) as DeleteTraceResponse,
    retention: async () => (await (await ask(retentionPath)).json()) as RetentionResponse,
    changeRetention: async (change) => (await (await send(retentionPath, 'PUT', change)).json()) as RetentionResponse,
    redactions: async () => (await (await ask(redactionsPath)).json()) as RedactionsResponse,
    redact: async (redaction) => (await (await send(redactionsPath, 'POST', redaction)).json()) as Redaction,
  };
}

function parseServerUrl(serverUrl: string): URL {
  if (!/^https?:\/\//.test(serverUrl) || !URL.canParse(serverUrl)) {
    throw new CliError(`"${serverUrl}" is no address of a server: give one such as --server http://localhost:16686`);
  }
  const url = new URL(serverUrl);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

/** @throws {CliError} When no server answers, or it answers with an error. */
async function request(
  url: URL,
  serverUrl: string,
  token: string | undefined,
  init: RequestInit = {},
): Promise<Response> {
  const headers = new Headers(init.headers);
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
  let response: Response;
  try {
    response = await fetch(url, { ...init, headers, signal: AbortSignal.timeout(requestTimeoutMs) });
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError') {
      throw new CliError(
        `${serverUrl} did not answer within ${requestTimeoutMs / 1000} s: ` +
          (init === undefined ? 'ask for a shorter time range' : 'what was asked for may still be under way'),
      );
    }
    const cause = error instanceof Error && error.cause instanceof Error ? describeCause(error.cause) : String(error);
    throw new CliError(
      `no Clew server answers at ${serverUrl} (${cause}): start one with "clew serve", or name another with --server or CLEW_URL`,
    );
  }
  if (response.ok) return response;
  throw new CliError(await readErrorMessage(response, serverUrl));
}

/** Connecting to a name with several addresses fails with one error an address and no message of its own. */
function describeCause(cause: Error): string {
  const code = 'code' in cause ? String(cause.code) : '';
  return cause.message || code || cause.name;
}

async function readErrorMessage(response: Response, serverUrl: string): Promise<string> {
  const body = await response.text();
  try {
    const { code, message } = JSON.parse(body) as Partial<ErrorResponse>;
    if (code !== undefined && message !== undefined) return `${message} (${code})`;
  } catch {
    // Not an answer of Clew's API: said below.
  }
  return `${serverUrl} answered ${response.status} ${response.statusText}, which Clew does not: is it another server?`;
}

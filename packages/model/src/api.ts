/**
 * What server and clients exchange over Clew's own HTTP API (`/clew/v1/…`, on the port of the UI):
 *
 * ```
 * GET /clew/v1/services                       -> ServicesResponse
 * GET /clew/v1/operations?service=            -> OperationsResponse
 * GET /clew/v1/search?<SearchRequest>         -> SearchResponse
 * GET /clew/v1/traces/<32 hex>                -> Native blocks, see tableFromNative; 404 with ErrorResponse
 * ```
 *
 * Every answer that is not 2xx is JSON of the shape {@link ErrorResponse}.
 */

export interface ServicesResponse {
  /** Names, sorted. */
  readonly services: readonly string[];
}

export interface OperationsResponse {
  /** Span names of the service, sorted. */
  readonly operations: readonly string[];
}

/** The query parameters of `GET /clew/v1/search`. All optional; conditions on one span are joined by AND. */
export interface SearchRequest {
  readonly service?: string | undefined;
  /** Span name. */
  readonly operation?: string | undefined;
  /** Attribute conditions, `key=value`, repeatable; span attributes first, then the resource's. */
  readonly attribute?: readonly string[] | undefined;
  /** Duration of the span, as `1.5s`, `200ms`, `300us`, `7ns`. */
  readonly minDuration?: string | undefined;
  readonly maxDuration?: string | undefined;
  /** Unix time in milliseconds; default: the last hour. */
  readonly start?: number | undefined;
  readonly end?: number | undefined;
  /** 1 to 1,000, default 20. The newest traces win. */
  readonly limit?: number | undefined;
}

export interface TraceSummary {
  readonly traceId: string;
  /** Of the root span, or of the earliest span when the root is missing. */
  readonly rootService: string;
  readonly rootName: string;
  /** Unix nanoseconds of the earliest span, as a decimal string: a number would lose digits. */
  readonly startNs: string;
  /** From the earliest start to the latest end. */
  readonly durationNs: number;
  readonly spanCount: number;
  readonly errorCount: number;
  /** Sorted by count, descending. */
  readonly services: readonly { readonly service: string; readonly spanCount: number }[];
}

export interface SearchResponse {
  readonly traces: readonly TraceSummary[];
  /** Whether more traces match, all of them older than these. */
  readonly hasMore: boolean;
  /**
   * When there are more: `end` of the search that goes on with them, Unix milliseconds. It finds those of this answer
   * again that have older matching spans too, or whose newest one is in the same millisecond.
   */
  readonly nextEnd?: number;
  /** The window that was searched, Unix milliseconds: a link with it shows the same again. */
  readonly start: number;
  readonly end: number;
}

export interface ErrorResponse {
  /** A stable name from the table of errors, such as `CLEW_TRACE_NOT_FOUND`. */
  readonly code: string;
  /** What, the offending value, the limit, what to do next. */
  readonly message: string;
}

const base = '/clew/v1';

export const servicesPath: string = `${base}/services`;

export function operationsPath(service: string): string {
  return `${base}/operations?service=${encodeURIComponent(service)}`;
}

/** Conditions that are undefined or empty are left out. */
export function searchPath(request: SearchRequest): string {
  const conditions: string[] = [];
  for (const [name, value] of Object.entries(request)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== '') conditions.push(`${name}=${encodeURIComponent(String(one))}`);
    }
  }
  return conditions.length === 0 ? `${base}/search` : `${base}/search?${conditions.join('&')}`;
}

export function tracePath(traceId: string): string {
  return `${base}/traces/${encodeURIComponent(traceId)}`;
}

import type { SpanKindName, SpanStatusName } from './text/span-vocabulary.ts';

/**
 * What server and clients exchange over Clew's own HTTP API (`/clew/v1/…`, on the port of the UI):
 *
 * ```
 * GET /clew/v1/services                       -> ServicesResponse
 * GET /clew/v1/operations?service=            -> OperationsResponse
 * GET /clew/v1/search?<SearchRequest>         -> SearchResponse
 * GET /clew/v1/operation-metrics?service=&operation=&start=&end=&step= -> OperationMetricsResponse
 * GET /clew/v1/service-graph?start=&end=      -> ServiceGraphResponse
 * GET /clew/v1/attributes?prefix=&limit=&start=&end=           -> AttributeKeysResponse
 * GET /clew/v1/attribute-values?key=&prefix=&limit=&start=&end= -> AttributeValuesResponse
 * GET /clew/v1/receivers                      -> ReceiversResponse
 * GET /clew/v1/stats                          -> StatsResponse, also while the engine is away
 * GET /clew/v1/traces/<trace id>              -> Native blocks, see tableFromNative; 404 with ErrorResponse
 * DELETE /clew/v1/traces/<trace id>           -> DeleteTraceResponse; 404 with ErrorResponse
 * GET /clew/v1/retention                      -> RetentionResponse
 * PUT /clew/v1/retention <RetentionRequest>   -> RetentionResponse, after a run with the new limits
 * GET /clew/v1/redactions                     -> RedactionsResponse, the newest first
 * POST /clew/v1/redactions <RedactionRequest> -> Redaction
 * ```
 *
 * A trace id is read by {@link parseTraceId}: of 64 or 128 bits, in any case.
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
  /** Span kind and status of the span. */
  readonly kind?: SpanKindName | undefined;
  readonly status?: SpanStatusName | undefined;
  /**
   * Attribute conditions, repeatable, as `formatCondition` writes them: `key=value`, or `"a=b"=value` for an unusual key.
   * Span attributes are compared first, then those of the resource; attributes of events, links and scopes are not
   * searched. A number or boolean is compared as such, doubles also with `NaN` and `Infinity`. An array or map matches
   * when a value in it does, at any depth, or as a whole as JSON; bytes match as base64 or hex. Tags of Jaeger and Zipkin
   * that became fields of the span match those: `error=true`, `span.kind=server`, `otel.status_code=ERROR`.
   */
  readonly attribute?: readonly string[] | undefined;
  /** Duration of the span, as `1.5s`, `200ms`, `300us`, `7ns`, `2m`, `1h`. A span that ends before it starts has 0. */
  readonly minDuration?: string | undefined;
  readonly maxDuration?: string | undefined;
  /** Unix time in milliseconds, both included; default: the last hour. */
  readonly start?: number | undefined;
  readonly end?: number | undefined;
  /** 1 to 1,000, default 20. The newest traces win. */
  readonly limit?: number | undefined;
  /** The `next` of an answer: goes on after it, with the same conditions and, unless they are given, in the same window. */
  readonly cursor?: string | undefined;
  /**
   * With a cursor: whether traces with a matching span newer than the cursor may come again, `false` by default. A trace
   * that gets such a span between two pages would otherwise be on neither: whoever needs all traces asks for repeats,
   * and leaves out those that it has.
   */
  readonly allowRepeats?: boolean | undefined;
}

export interface TraceSummary {
  readonly traceId: string;
  /** Of the earliest root span, or of the earliest span while no root span has been received. */
  readonly firstService: string;
  readonly firstName: string;
  /** Spans without a parent: 0 while the root span has not been received. */
  readonly rootCount: number;
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
  /** When there are more: the `cursor` of the search that goes on with them. Its form may change. */
  readonly next?: string;
  /** The window that was searched, Unix milliseconds: a link with it shows the same again. */
  readonly start: number;
  readonly end: number;
}

/** Of calls in one minute or many; a call is a span. */
export interface CallMetrics {
  readonly calls: number;
  /** Those with the status error. */
  readonly errors: number;
  readonly meanNs: number;
  /** Quantiles, at most 4.5 % off. */
  readonly p50Ns: number;
  readonly p95Ns: number;
  readonly p99Ns: number;
}

export interface OperationMetrics extends CallMetrics {
  readonly service: string;
  /** Of the spans; `(other)` for those beyond the thousand most frequent names of the service in a minute. */
  readonly name: string;
  readonly kind: SpanKindName;
  /** When a step was asked for: each with the Unix milliseconds of its start. Steps without calls are left out. */
  readonly points?: readonly (CallMetrics & { readonly start: number })[];
}

/** Counted in whole minutes, some ten seconds after spans have come; under load later. */
export interface OperationMetricsResponse {
  /** Those with the most calls first. */
  readonly operations: readonly OperationMetrics[];
  /** Whether there are more than are shown: ask for one service, a longer step or a shorter window. */
  readonly hasMore: boolean;
  readonly start: number;
  readonly end: number;
}

export interface ServiceGraphEdge {
  readonly client: string;
  /** A service; for databases `system/name`, or what the client calls it in `peer.service`. */
  readonly server: string;
  /** As in Tempo: empty for calls. */
  readonly connectionType: '' | 'messaging_system' | 'database';
  readonly calls: number;
  readonly errors: number;
  /** Of the server's span; of the client's for a database. */
  readonly meanNs: number;
}

export interface ServiceGraphResponse {
  /** Those with the most calls first. */
  readonly edges: readonly ServiceGraphEdge[];
  readonly hasMore: boolean;
  readonly start: number;
  readonly end: number;
}

/** `other`: arrays, maps and bytes. */
export type AttributeType = 'string' | 'int' | 'double' | 'bool' | 'other';

export interface AttributeKeysResponse {
  /** Sorted by key. */
  readonly attributes: readonly {
    readonly scope: 'span' | 'resource';
    readonly key: string;
    readonly types: readonly AttributeType[];
  }[];
  /** Whether there are more than the limit. */
  readonly hasMore: boolean;
  /** Whether a day of the window has so many keys that not all were noted. */
  readonly isTruncated: boolean;
}

export interface AttributeValuesResponse {
  readonly key: string;
  /** Sorted by value, each as text. */
  readonly values: readonly { readonly value: string; readonly type: AttributeType }[];
  readonly hasMore: boolean;
  /** Whether a day of the window has so many values that not all were noted. */
  readonly isTruncated: boolean;
}

/** Where a server takes spans. */
export interface ReceiversResponse {
  readonly receivers: readonly ReceiverAddress[];
  /** Whether senders need one of the tokens in CLEW_INGEST_TOKENS, or a tenant's. */
  readonly needsToken: boolean;
}

export interface ReceiverAddress {
  /** As in {@link ReceiverStats}, such as `otlp-http`. */
  readonly receiver: string;
  /** With the host that the port is bound to, such as `http://0.0.0.0:4318`: senders may reach it by another. */
  readonly url: string;
}

/** What a server took, refused and keeps. Counts begin at its start. */
export interface StatsResponse {
  /** When the server was started, ISO 8601. */
  readonly since: string;
  readonly receivers: readonly ReceiverStats[];
  /** Spans that were left out of acknowledged requests, by the field that is at fault. */
  readonly rejectedSpans: Readonly<Record<string, number>>;
  /** Accepted spans that are not stored, by the rule that drops them. */
  readonly droppedSpans: Readonly<Record<string, number>>;
  /** Null while it is off. */
  readonly tailSampling: TailSamplingStats | null;
  readonly spool: SpoolStats;
  readonly store: StoreStats | { readonly unavailable: string };
}

export interface ReceiverStats {
  /** Such as `otlp-http`. */
  readonly receiver: string;
  /** Refused ones included. */
  readonly requests: number;
  /** Of acknowledged requests, rejected and dropped spans included. */
  readonly spans: number;
  /** Uncompressed bodies of acknowledged requests. */
  readonly bytes: number;
  /** Requests that were answered with an error, by reason. */
  readonly refused: Readonly<Record<string, number>>;
}

/** Removes traces that no rule keeps, once they are old enough. */
export interface TailSamplingStats {
  /** How long all are kept. */
  readonly afterMs: number;
  /** The rules, as {@link outcomes} names them. */
  readonly keep: readonly string[];
  /** Unix milliseconds: traces whose last span starts before it are decided. */
  readonly decidedUntilMs: number;
  /** Traces since the start of the server: by the rule that keeps them, and `removed`. */
  readonly outcomes: Readonly<Record<string, number>>;
}

/** Acknowledged spans on their way into the store. */
export interface SpoolStats {
  readonly bytes: number;
  readonly limitBytes: number;
  readonly segments: number;
  /** How long the oldest waits; null when nothing does. */
  readonly oldestAgeS: number | null;
  /** Segments that the store refused or that were damaged: their files are kept in the spool's folder. */
  readonly setAside: number;
}

/** What limits on many different names, keys and values have left out; at most a hundred of each are named. */
export interface CardinalityStats {
  /** Services with more than a thousand span names in a minute of the last day: the others are counted as `(other)`. */
  readonly foldedServices: readonly string[];
  /** Keys with so many values today that no more are noted for completion. */
  readonly truncatedKeys: readonly string[];
  /** Whether all keys of today are noted. */
  readonly hasAllKeys: boolean;
}

export interface StoreStats {
  readonly cardinality: CardinalityStats;
  readonly spans: number;
  /** On disk, of all tables. */
  readonly bytes: number;
  readonly tables: readonly { readonly table: string; readonly rows: number; readonly bytes: number }[];
  /** Unix nanoseconds of the earliest and the latest start of a span, as decimal strings; null without spans. */
  readonly oldestNs: string | null;
  readonly newestNs: string | null;
}

export interface DeleteTraceResponse {
  readonly traceId: string;
  readonly deletedSpans: number;
}

/** A limit that is left out stays as it is; null takes it away; `default` returns to what the server was started with. */
export interface RetentionRequest {
  /** Such as `12h` or `7d`. */
  readonly age?: string | null | undefined;
  /** A number, or a text such as `50GiB`. */
  readonly maxBytes?: number | string | null | undefined;
  /** Above 0, up to 1; or `default`. */
  readonly diskShare?: number | string | null | undefined;
}

export interface RetentionLimit<Value> {
  /** Null: no limit. */
  readonly value: Value | null;
  /** Whether it was set over the API or when the server was started. */
  readonly source: 'api' | 'start';
}

export type RetentionReason = 'age' | 'ahead' | 'bytes' | 'disk';

/** What a run of retention has removed. */
export interface RetentionRemoval {
  /** UTC, as `2026-11-25`. */
  readonly day: string;
  /** `ahead`: the day lies more than one day ahead of the server's clock. */
  readonly reason: RetentionReason;
  /** Unix milliseconds: spans of the day that start before it are gone; null where the whole day is. */
  readonly beforeMs: number | null;
  readonly spans: number;
  /** What this frees on disk; 0 where spans are gone from queries and their bytes go with the day. */
  readonly bytes: number;
}

export interface RetentionRun {
  /** Unix milliseconds. */
  readonly startedMs: number;
  readonly durationMs: number;
  readonly removed: readonly RetentionRemoval[];
  /** Why it could not do all it should; null when it could. */
  readonly error: string | null;
}

export interface RetentionResponse {
  readonly age: RetentionLimit<string>;
  readonly maxBytes: RetentionLimit<number>;
  readonly diskShare: RetentionLimit<number>;
  /** What the store takes on disk. */
  readonly bytesUsed: number;
  /** What the disk of the store has. */
  readonly diskFreeBytes: number;
  readonly diskTotalBytes: number;
  readonly spans: number;
  /** Unix milliseconds of the earliest and the latest start; null when there is no span. */
  readonly oldestMs: number | null;
  readonly newestMs: number | null;
  /** The newest run; null before the first one. */
  readonly lastRun: RetentionRun | null;
  /** The newest run that removed something. */
  readonly lastRemoval: RetentionRun | null;
}

export interface RedactionRequest {
  /** Of the attribute, exactly. */
  readonly key: string;
  /** Unix milliseconds; only spans that start in this window, both ends included. */
  readonly start?: number | undefined;
  readonly end?: number | undefined;
  /** Only where the attribute has this text. */
  readonly value?: string | undefined;
}

export interface Redaction {
  readonly id: string;
  readonly key: string;
  readonly start: number | null;
  readonly end: number | null;
  readonly value: string | null;
  /** Unix milliseconds. */
  readonly createdMs: number;
  readonly isDone: boolean;
  /** Parts of the store that are still to be rewritten. */
  readonly partsToDo: number;
  /** Why the last attempt at a part failed; it is tried again. Null when none did. */
  readonly error: string | null;
}

export interface RedactionsResponse {
  readonly redactions: readonly Redaction[];
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

export const receiversPath: string = `${base}/receivers`;

export const statsPath: string = `${base}/stats`;

/** Conditions that are undefined or empty are left out. */
export function searchPath(request: SearchRequest): string {
  return withParameters(`${base}/search`, request);
}

function withParameters(path: string, parameters: object): string {
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== '') pairs.push(`${name}=${encodeURIComponent(String(one))}`);
    }
  }
  return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`;
}

type Window = { readonly start?: number | undefined; readonly end?: number | undefined };

/** What is undefined is left out. */
export function operationMetricsPath(
  request: Window & {
    readonly service?: string | undefined;
    readonly operation?: string | undefined;
    readonly step?: number | undefined;
  },
): string {
  return withParameters(`${base}/operation-metrics`, request);
}

export function serviceGraphPath(window: Window): string {
  return withParameters(`${base}/service-graph`, window);
}

export const retentionPath: string = `${base}/retention`;

export const redactionsPath: string = `${base}/redactions`;

export function tracePath(traceId: string): string {
  return `${base}/traces/${encodeURIComponent(traceId)}`;
}

import { readNumber } from '../environment.ts';
import type { BatchingOptions } from './batching-processor.ts';
import { exportersFromEnvironment, overflowFromEnvironment, targetFromEnvironment } from './export-environment.ts';
import type { OverflowOptions } from './overflow-folder.ts';
import type { ExportProtocol, Target, TlsOptions } from './target.ts';

/** Where and how spans are sent. What is not given comes from the environment, and then from the defaults. */
export interface ExportOptions {
  /** Default: what `OTEL_TRACES_EXPORTER` and `OTEL_EXPORTER_OTLP_PROTOCOL` say, else `http/protobuf`. */
  readonly protocol?: ExportProtocol;
  /**
   * The whole address, `/v1/traces` included: `http://`, `https://` or `unix:///path/of/socket`. Default:
   * `http://localhost:4318/v1/traces`; for gRPC port 4317; for Zipkin `http://localhost:9411/api/v2/spans`.
   */
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** For one request, connecting included. Default: 10,000. */
  readonly timeoutMs?: number;
  readonly compression?: 'gzip' | 'none';
  readonly tls?: TlsOptions;
  /** How long a span waits for others at most. Default: 1,000. */
  readonly delayMs?: number;
  /** A batch is sent as soon as it has this many spans. Default: no limit but that in bytes. */
  readonly maxBatchSpans?: number;
  /** A batch is sent as soon as it has this many bytes. Default: 512 KiB. */
  readonly maxBatchBytes?: number;
  /** What may wait for the collector at most, batches on their way included; more is dropped. Default: 16 MiB. */
  readonly maxQueueBytes?: number;
  /** The same, in spans. Default: no limit but that in bytes. */
  readonly maxQueueSpans?: number;
  /** How long `forceFlush`, `shutdown` and the end of the process wait for the collector. Default: 2,000. */
  readonly flushTimeoutMs?: number;
  /** What exceeds the queue, or is left when the process ends, is kept in files until it can be sent. Default: off. */
  readonly overflow?: OverflowOptions | undefined;
}

/** One exporter with everything decided. */
export interface ResolvedExportOptions extends BatchOptions {
  readonly target: Target;
  readonly maxQueueBytes: number;
  readonly maxQueueSpans: number;
  readonly flushTimeoutMs: number;
  readonly overflow: OverflowOptions | undefined;
}

/** How spans become batches; the first of several exporters decides for all. */
export interface BatchOptions {
  readonly delayMs: number;
  readonly maxBatchSpans: number;
  readonly maxBatchBytes: number;
}

/** What a user may say: options, several of them for several exporters, or `none`: record, and send nothing. */
export type ExportChoice = ExportOptions | readonly ExportOptions[] | 'none';

// The specification's 5,000 ms is for batches of 512 spans. Ours are bounded by bytes, so a shorter wait costs one
// small request a second, shows a trace five times sooner and loses a fifth when a process is killed.
const defaultDelayMs = 1_000;

/** How long the end of a process may wait for the collector. */
export const defaultFlushTimeoutMs = 2_000;

/** The exporters to run; none is an empty list. */
export function resolveExporters(choice: ExportChoice | undefined): ResolvedExportOptions[] {
  if (choice === 'none') return [];
  if (choice === undefined) return exportersFromEnvironment().map((protocol) => resolveOptions({ protocol }));
  return [choice].flat().map((options) => resolveOptions(options as ExportOptions));
}

function resolveOptions(given: ExportOptions): ResolvedExportOptions {
  return {
    target: targetFromEnvironment(given),
    delayMs: given.delayMs ?? readNumber('OTEL_BSP_SCHEDULE_DELAY') ?? defaultDelayMs,
    maxBatchSpans: given.maxBatchSpans ?? readNumber('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 1) ?? Number.POSITIVE_INFINITY,
    maxBatchBytes: given.maxBatchBytes ?? 512 * 1_024,
    maxQueueBytes: given.maxQueueBytes ?? readNumber('CLEW_MAX_QUEUE_BYTES', 1) ?? 16 * 1_048_576,
    maxQueueSpans: given.maxQueueSpans ?? readNumber('OTEL_BSP_MAX_QUEUE_SIZE', 1) ?? Number.POSITIVE_INFINITY,
    flushTimeoutMs: given.flushTimeoutMs ?? readNumber('CLEW_FLUSH_TIMEOUT') ?? defaultFlushTimeoutMs,
    overflow: given.overflow ?? overflowFromEnvironment(),
  };
}

/** How spans are handed to an exporter of OpenTelemetry's own kind. */
export function batchingFromEnvironment(): BatchingOptions {
  return {
    delayMs: readNumber('OTEL_BSP_SCHEDULE_DELAY') ?? defaultDelayMs,
    maxBatchSpans: readNumber('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 1) ?? 512,
    maxQueueSpans: readNumber('OTEL_BSP_MAX_QUEUE_SIZE', 1) ?? 8_192,
    timeoutMs: readNumber('OTEL_BSP_EXPORT_TIMEOUT', 1) ?? 30_000,
  };
}

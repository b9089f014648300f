import { readNumber, readPairs, readText } from '../environment.ts';
import { writeNotice } from '../notice.ts';

/** Where and how spans are sent. What is not given comes from the `OTEL_*` variables, and then from the defaults. */
export interface ExportOptions {
  /** The whole address, `/v1/traces` included. Default: `http://localhost:4318/v1/traces`. */
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** For one request, connecting included. Default: 10,000. */
  readonly timeoutMs?: number;
  readonly compression?: 'gzip' | 'none';
  /** How long a span waits for others at most. Default: 1,000. */
  readonly delayMs?: number;
  /** A batch is sent as soon as it has this many spans. Default: no limit but that in bytes. */
  readonly maxBatchSpans?: number;
  /** A batch is sent as soon as it has this many bytes. Default: 512 KiB. */
  readonly maxBatchBytes?: number;
  /** What may wait for the collector at most, batches on their way included; more is dropped. Default: 16 MiB. */
  readonly maxQueueBytes?: number;
  /** How long `forceFlush`, `shutdown` and the end of the process wait for the collector. Default: 3,000. */
  readonly flushTimeoutMs?: number;
}

export type ResolvedExportOptions = Required<Omit<ExportOptions, 'url'>> & { readonly url: URL };

// The specification's 5,000 ms is for batches of 512 spans. Ours are bounded by bytes, so a shorter wait costs one
// small request a second, shows a trace five times sooner and loses a fifth when a process is killed.
const defaultDelayMs = 1_000;

export function resolveExportOptions(given: ExportOptions = {}): ResolvedExportOptions {
  warnOfOtherProtocol();
  return {
    url: given.url === undefined ? endpointFromEnvironment() : new URL(given.url),
    headers: given.headers ?? headersFromEnvironment(),
    timeoutMs:
      given.timeoutMs ??
      readNumber('OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', 1) ??
      readNumber('OTEL_EXPORTER_OTLP_TIMEOUT', 1) ??
      10_000,
    compression: given.compression ?? compressionFromEnvironment(),
    delayMs: given.delayMs ?? readNumber('OTEL_BSP_SCHEDULE_DELAY') ?? defaultDelayMs,
    maxBatchSpans: given.maxBatchSpans ?? readNumber('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 1) ?? Number.POSITIVE_INFINITY,
    maxBatchBytes: given.maxBatchBytes ?? 512 * 1_024,
    maxQueueBytes: given.maxQueueBytes ?? 16 * 1_048_576,
    flushTimeoutMs: given.flushTimeoutMs ?? 3_000,
  };
}

/** The traces endpoint is used as it is; the base endpoint gets `v1/traces` behind its path. */
function endpointFromEnvironment(): URL {
  const traces = parseEndpoint('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
  if (traces !== undefined) return traces;
  const base = parseEndpoint('OTEL_EXPORTER_OTLP_ENDPOINT') ?? new URL('http://localhost:4318');
  base.pathname = `${base.pathname.replace(/\/$/, '')}/v1/traces`;
  return base;
}

function parseEndpoint(name: string): URL | undefined {
  const text = readText(name);
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  writeNotice('warn', `${name}=${text} is ignored: an http:// or https:// URL is needed`);
  return undefined;
}

/** Headers for traces are put over those for all signals. */
function headersFromEnvironment(): Record<string, string> {
  return Object.fromEntries([
    ...readPairs('OTEL_EXPORTER_OTLP_HEADERS'),
    ...readPairs('OTEL_EXPORTER_OTLP_TRACES_HEADERS'),
  ]);
}

function compressionFromEnvironment(): 'gzip' | 'none' {
  const text =
    readText('OTEL_EXPORTER_OTLP_TRACES_COMPRESSION') ?? readText('OTEL_EXPORTER_OTLP_COMPRESSION') ?? 'none';
  if (text === 'gzip' || text === 'none') return text;
  writeNotice('warn', `OTEL_EXPORTER_OTLP_COMPRESSION=${text} is ignored: gzip or none`);
  return 'none';
}

function warnOfOtherProtocol(): void {
  const protocol = readText('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? readText('OTEL_EXPORTER_OTLP_PROTOCOL');
  if (protocol === undefined || protocol === 'http/protobuf') return;
  writeNotice(
    'warn',
    `OTEL_EXPORTER_OTLP_PROTOCOL=${protocol} is ignored, http/protobuf is used; ` +
      'an endpoint for gRPC (usually port 4317) must be changed to the one for HTTP (4318)',
  );
}

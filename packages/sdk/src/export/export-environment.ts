import { readFileSync } from 'node:fs';
import { http } from '../builtin-modules.ts';
import { readBoolean, readList, readNumber, readText } from '../environment.ts';
import { writeNotice } from '../notice.ts';
import { type Endpoint, parseEndpoint } from './endpoint.ts';
import type { ExportOptions } from './export-options.ts';
import type { OverflowOptions } from './overflow-folder.ts';
import { proxyFromEnvironment } from './proxy.ts';
import type { ExportProtocol, Target, TlsOptions } from './target.ts';

/*
 * The variables of "OpenTelemetry Protocol Exporter", of the Zipkin exporter, and OTEL_TRACES_EXPORTER. Each
 * OTEL_EXPORTER_OTLP_TRACES_X wins over OTEL_EXPORTER_OTLP_X.
 */

function readSpecific(suffix: string): string | undefined {
  return readText(`OTEL_EXPORTER_OTLP_TRACES_${suffix}`) ?? readText(`OTEL_EXPORTER_OTLP_${suffix}`);
}

/** What `OTEL_TRACES_EXPORTER` names, OTLP by default; a name that nobody knows is said and left out. */
export function exportersFromEnvironment(): ExportProtocol[] {
  const names = (readList('OTEL_TRACES_EXPORTER') ?? ['otlp']).map((name) => name.toLowerCase());
  if (names.includes('none')) return [];
  const protocols = [...new Set(names)].flatMap((name): ExportProtocol[] => {
    if (name === 'otlp') return [otlpProtocol()];
    if (name === 'zipkin' || name === 'console') return [name];
    writeNotice('warn', `"${name}" in OTEL_TRACES_EXPORTER is ignored: otlp, zipkin, console or none`);
    return [];
  });
  return protocols.length === 0 ? [otlpProtocol()] : protocols;
}

const otlpProtocols: readonly string[] = ['http/protobuf', 'http/json', 'grpc'] satisfies ExportProtocol[];

function otlpProtocol(): ExportProtocol {
  const protocol = readSpecific('PROTOCOL')?.toLowerCase();
  if (protocol === undefined) return 'http/protobuf';
  if (otlpProtocols.includes(protocol)) return protocol as ExportProtocol;
  writeNotice('warn', `OTEL_EXPORTER_OTLP_PROTOCOL=${protocol} is ignored: ${otlpProtocols.join(', ')}`);
  return 'http/protobuf';
}

/** The target of what is given, the rest from the environment. */
export function targetFromEnvironment(given: ExportOptions): Target {
  const protocol = given.protocol ?? otlpProtocol();
  const isOtlp = protocol !== 'zipkin' && protocol !== 'console';
  const { url, socketPath } = givenEndpoint(given, protocol) ?? endpointFromEnvironment(protocol);
  const timeoutMs = isOtlp
    ? (readNumber('OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', 1) ?? readNumber('OTEL_EXPORTER_OTLP_TIMEOUT', 1))
    : readNumber('OTEL_EXPORTER_ZIPKIN_TIMEOUT', 1);
  const exportTimeoutMs = readNumber('OTEL_BSP_EXPORT_TIMEOUT', 1) ?? Number.POSITIVE_INFINITY;
  return {
    protocol,
    url: url.href,
    socketPath,
    proxy: socketPath === undefined && protocol !== 'console' ? proxyFromEnvironment(url) : undefined,
    headers: given.headers ?? (isOtlp ? headersFromEnvironment() : {}),
    timeoutMs: given.timeoutMs ?? Math.min(timeoutMs ?? 10_000, exportTimeoutMs),
    compression: given.compression ?? (isOtlp ? compressionFromEnvironment() : 'none'),
    tls: given.tls ?? (isOtlp ? tlsFromEnvironment() : {}),
  };
}

/** @throws TypeError for a URL in the code that is none: that is a mistake to be told at once. */
function givenEndpoint(given: ExportOptions, protocol: ExportProtocol): Endpoint | undefined {
  if (given.url === undefined) return undefined;
  const endpoint = parseEndpoint(given.url, protocol, false);
  if (endpoint === undefined) throw new TypeError(`export.url is ${given.url}: ${endpointsOf(protocol)} is needed`);
  return endpoint;
}

/**
 * The endpoint for traces is used as it is, the one for all signals gets `v1/traces` behind its path. gRPC has one path
 * of its own.
 */
function endpointFromEnvironment(protocol: ExportProtocol): Endpoint {
  const fallback = (url: string): Endpoint => ({ url: new URL(url), socketPath: undefined });
  if (protocol === 'zipkin' || protocol === 'console') {
    return readEndpoint('OTEL_EXPORTER_ZIPKIN_ENDPOINT', protocol) ?? fallback('http://localhost:9411/api/v2/spans');
  }
  const traces = readEndpoint('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', protocol);
  if (traces !== undefined) return traces;
  const base = readEndpoint('OTEL_EXPORTER_OTLP_ENDPOINT', protocol);
  if (protocol === 'grpc') return base ?? fallback('http://localhost:4317');
  const { url, socketPath } = base ?? fallback('http://localhost:4318');
  if (socketPath === undefined) url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/traces`;
  return { url, socketPath };
}

function readEndpoint(name: string, protocol: ExportProtocol): Endpoint | undefined {
  const text = readText(name);
  if (text === undefined) return undefined;
  const isInsecure =
    readText('OTEL_EXPORTER_OTLP_TRACES_INSECURE') === undefined
      ? readBoolean('OTEL_EXPORTER_OTLP_INSECURE')
      : readBoolean('OTEL_EXPORTER_OTLP_TRACES_INSECURE');
  const endpoint = parseEndpoint(text, protocol, isInsecure);
  if (endpoint === undefined) writeNotice('warn', `${name}=${text} is ignored: ${endpointsOf(protocol)} is needed`);
  return endpoint;
}

function endpointsOf(protocol: ExportProtocol): string {
  const urls = 'an http://, https:// or unix:// URL';
  return protocol === 'grpc' ? `${urls}, or host:port,` : urls;
}

/** Headers for traces are put over those for all signals. */
function headersFromEnvironment(): Record<string, string> {
  return { ...readHeaders('OTEL_EXPORTER_OTLP_HEADERS'), ...readHeaders('OTEL_EXPORTER_OTLP_TRACES_HEADERS') };
}

/** `key=value,…` as in W3C Baggage, percent-decoded; a pair that cannot be a header is said and left out. */
function readHeaders(name: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [index, entry] of (readList(name) ?? []).entries()) {
    const equals = entry.indexOf('=');
    if (equals < 0) {
      // All of it may be a secret.
      writeNotice('warn', `entry ${index + 1} of ${name} is ignored: it has no "=" between a name and a value`);
      continue;
    }
    const key = entry.slice(0, equals).trim().toLowerCase();
    try {
      const value = decodeURIComponent(entry.slice(equals + 1).trim());
      http.validateHeaderName(key);
      http.validateHeaderValue(key, value);
      headers[key] = value;
    } catch {
      // Its value may be a secret.
      writeNotice('warn', `the pair "${key}=…" in ${name} is ignored: it is no header with a percent-encoded value`);
    }
  }
  return headers;
}

function compressionFromEnvironment(): 'gzip' | 'none' {
  const text = readSpecific('COMPRESSION')?.toLowerCase() ?? 'none';
  if (text === 'gzip' || text === 'none') return text;
  writeNotice('warn', `OTEL_EXPORTER_OTLP_COMPRESSION=${text} is ignored: gzip or none`);
  return 'none';
}

function tlsFromEnvironment(): TlsOptions {
  const ca = readPem('CERTIFICATE', 'CERTIFICATE');
  const key = readPem('CLIENT_KEY', 'PRIVATE KEY');
  const cert = readPem('CLIENT_CERTIFICATE', 'CERTIFICATE');
  return { ...(ca !== undefined && { ca }), ...(key !== undefined && { key }), ...(cert !== undefined && { cert }) };
}

/** @param block what the file must hold, as its `-----BEGIN …-----` line names it. */
function readPem(suffix: string, block: 'CERTIFICATE' | 'PRIVATE KEY'): string | undefined {
  const path = readSpecific(suffix);
  if (path === undefined) return undefined;
  const ignore = (reason: string): undefined => {
    writeNotice('error', `OTEL_EXPORTER_OTLP_${suffix}=${path} is ignored: ${reason}`);
  };
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return ignore((error as Error).message);
  }
  const blocks = [...text.matchAll(/^-----BEGIN ([A-Z0-9 ]+)-----/gm)].map(([, name = '']) => name);
  if (blocks.some((name) => name.endsWith(block))) return text;
  const found = blocks.length === 0 ? 'nothing in PEM format' : blocks.join(', ');
  return ignore(`the file holds ${found}; a ${block} is needed`);
}

const defaultOverflowBytes = 256 * 1_048_576;

/** `CLEW_OVERFLOW_DIR`, and `CLEW_OVERFLOW_MAX_BYTES`. */
export function overflowFromEnvironment(): OverflowOptions | undefined {
  const folder = readText('CLEW_OVERFLOW_DIR');
  if (folder === undefined) return undefined;
  return { folder, maxBytes: readNumber('CLEW_OVERFLOW_MAX_BYTES', 1) ?? defaultOverflowBytes };
}

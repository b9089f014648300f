import type { ExportProtocol } from './target.ts';

/** An address that a request can be made to. */
export interface Endpoint {
  readonly url: URL;
  /** Of a unix socket; `url` is then what is asked through it. */
  readonly socketPath: string | undefined;
}

/**
 * Reads `http://…`, `https://…`, `unix:///path/of/socket` (also `unix:path`), and for gRPC `host:port` without a scheme,
 * which is secure unless `isInsecure`. Undefined for everything else.
 */
export function parseEndpoint(text: string, protocol: ExportProtocol, isInsecure: boolean): Endpoint | undefined {
  const socketPath = /^unix:(?:\/\/(?=\/))?(.+)$/i.exec(text)?.[1];
  if (socketPath !== undefined) return { url: new URL(urlsThroughSocket[protocol]), socketPath };
  if (/^https?:\/\//i.test(text)) {
    return URL.canParse(text) ? { url: new URL(text), socketPath: undefined } : undefined;
  }
  if (protocol !== 'grpc' || text.includes('://')) return undefined;
  const withScheme = `${isInsecure ? 'http' : 'https'}://${text}`;
  return URL.canParse(withScheme) ? { url: new URL(withScheme), socketPath: undefined } : undefined;
}

const otlpUrl = 'http://localhost/v1/traces';

/** A socket's path leaves no room for that of the request: the usual one is asked for. */
const urlsThroughSocket: Readonly<Record<ExportProtocol, string>> = {
  'http/protobuf': otlpUrl,
  'http/json': otlpUrl,
  grpc: 'http://localhost',
  zipkin: 'http://localhost/api/v2/spans',
  console: 'http://localhost',
};

/** How spans are put on the wire. `zipkin` is Zipkin's JSON v2; `console` writes lines for people on stdout. */
export type ExportProtocol = 'http/protobuf' | 'http/json' | 'grpc' | 'zipkin' | 'console';

/** PEM texts for a connection over TLS; what is missing is Node's default. */
export interface TlsOptions {
  /** Authorities that may have signed the collector's certificate, instead of those that Node knows. */
  readonly ca?: string;
  /** The client's own key and certificate, for collectors that ask for one. */
  readonly key?: string;
  readonly cert?: string;
}

/** Where spans go, as plain data: it is handed to the thread that sends the last spans of a process. */
export interface Target {
  readonly protocol: ExportProtocol;
  /** `http:` or `https:`; of a unix socket, the request that is made through it. */
  readonly url: string;
  readonly socketPath: string | undefined;
  /** The URL of a proxy on the way there; it may hold credentials. */
  readonly proxy: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** For one request, connecting included. */
  readonly timeoutMs: number;
  readonly compression: 'gzip' | 'none';
  readonly tls: TlsOptions;
}

/** The target as notices name it: credentials in the address are nobody's business on stderr. */
export function nameOf({ protocol, url, socketPath, proxy }: Target): string {
  if (protocol === 'console') return 'the console';
  if (socketPath !== undefined) return `unix://${socketPath}`;
  const { origin, pathname } = new URL(url);
  const way = proxy === undefined ? '' : ` through the proxy ${new URL(proxy).host}`;
  return `${protocol === 'grpc' ? origin : `${origin}${pathname}`}${way}`;
}

/** An unref'd socket still holds the process while it connects, so that must not take long. */
export const connectTimeoutMs = 3_000;

import { ClewError } from '../errors.ts';
import type { TlsOptions } from '../tls.ts';

/** What a message about an address names. */
export interface ListenTarget {
  readonly host: string;
  readonly port: number;
  readonly flag: string;
  readonly variable: string;
}

/** Explains why a port could not be taken: which one, and which flag or variable chooses another. */
export function explainListenFailure(error: unknown, target: ListenTarget): ClewError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return new ClewError('CLEW_PORT_TAKEN', { ...target }, { cause: error });
  return new ClewError('CLEW_ADDRESS_UNUSABLE', { ...target, reason: message }, { cause: error });
}

/** The address of a listening server as a URL, https with TLS, with brackets around IPv6. */
export function formatUrl(host: string, port: number, tls?: TlsOptions): string {
  return `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

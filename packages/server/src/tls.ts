import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { ClewError } from './errors.ts';

/** The files of a server's identity, PEM. */
export interface TlsFiles {
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Only clients with a certificate of these authorities may connect. */
  readonly clientCa: string | undefined;
}

/** What `node:https` takes. */
export interface TlsOptions {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
  readonly requestCert?: true;
  readonly rejectUnauthorized?: true;
}

/**
 * Reads the files and sees that they fit each other; undefined when there is no certificate.
 * @throws ClewError CLEW_TLS_UNUSABLE
 */
export function readTls({ cert, key, clientCa }: TlsFiles): TlsOptions | undefined {
  if (cert === undefined || key === undefined) return undefined;
  const identity = { cert: read('CLEW_TLS_CERT', cert), key: read('CLEW_TLS_KEY', key) };
  const options: TlsOptions =
    clientCa === undefined
      ? identity
      : { ...identity, ca: read('CLEW_TLS_CLIENT_CA', clientCa), requestCert: true, rejectUnauthorized: true };
  try {
    createSecureContext(options);
  } catch (error) {
    const files = [cert, key, clientCa].filter((path) => path !== undefined).join(', ');
    throw new ClewError('CLEW_TLS_UNUSABLE', { files, reason: (error as Error).message }, { cause: error });
  }
  return options;
}

function read(variable: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const reason = (error as Error).message;
    throw new ClewError('CLEW_TLS_UNUSABLE', { files: `${path} (${variable})`, reason }, { cause: error });
  }
}

import * as zlib from 'node:zlib';
import { OtlpError } from './otlp-error.ts';

/** All that this process can undo; zstd needs Node 22.15 or newer. */
export const compressions: readonly string[] = ['gzip', 'deflate', ...('zstdDecompressSync' in zlib ? ['zstd'] : [])];

/** Names that mean the same (RFC 9110, 8.4.1.3). */
const otherNames: ReadonlyMap<string, string> = new Map([['x-gzip', 'gzip']]);

/**
 * What a body or message is compressed with: its encodings are a list, in any case, in which `identity` changes nothing.
 *
 * @returns one of `known`, or undefined when it is not compressed
 * @throws whatever `refuse` gives, for an encoding that is not known or for several
 */
export function readCompression(
  header: string | undefined,
  known: readonly string[],
  refuse: (encoding: string) => Error,
): string | undefined {
  if (header === undefined) return undefined;
  const names = header
    .toLowerCase()
    .split(',')
    .map((part) => part.trim())
    .filter((name) => name !== '' && name !== 'identity')
    .map((name) => otherNames.get(name) ?? name);
  const [name] = names;
  if (name === undefined) return undefined;
  if (names.length > 1) throw refuse(names.join(', '));
  if (!known.includes(name)) throw refuse(name);
  return name;
}

/** That of an HTTP request. @throws OtlpError 415 */
export function readContentEncoding(header: string | undefined): string | undefined {
  return readCompression(header, compressions, unsupported);
}

function unsupported(encoding: string): OtlpError {
  const reason =
    encoding === 'zstd'
      ? `needs Node 22.15 or newer, and this server runs on ${process.version}`
      : encoding.includes(',')
        ? 'is more than one'
        : 'is not supported';
  return new OtlpError(
    415,
    `Content-Encoding ${JSON.stringify(encoding)} ${reason}; send ${compressions.join(', ')} or no compression.`,
  );
}

import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ClewError } from './errors.ts';

/** What RFC 6750 lets a bearer token be, and long enough not to be guessed. */
export const tokenPattern: RegExp = /^[\w.~+/-]{16,512}=*$/;

export const maxTokens = 100;

/** What the token in an `Authorization` header stands for; undefined when the token is not known. */
export type TokenLookup<Owner> = (header: string | undefined) => Owner | undefined;

export interface TokenHolder<Owner> {
  readonly tokens: readonly string[];
  readonly owner: Owner;
}

/** For `WWW-Authenticate` of a 401. */
export const bearerChallenge = 'Bearer realm="clew"';

/**
 * Tokens are compared by their hashes, each with each and in constant time: how long it takes tells nothing of them.
 */
export function createTokenLookup<Owner>(holders: readonly TokenHolder<Owner>[]): TokenLookup<Owner> {
  const hashes = holders.flatMap(({ tokens, owner }) => tokens.map((token) => ({ hash: hash(token), owner })));
  return (header) => {
    const token = /^bearer +(\S+) *$/i.exec(header ?? '')?.[1];
    if (token === undefined) return undefined;
    const given = hash(token);
    let found: Owner | undefined;
    for (const known of hashes) if (timingSafeEqual(known.hash, given)) found = known.owner;
    return found;
  };
}

/**
 * The tokens of a setting and those of its file: one a line, empty lines and those that begin with `#` left out.
 * @throws ClewError CLEW_TOKEN_FILE_UNUSABLE, without a token in its message.
 */
export function collectTokens(
  tokens: readonly string[],
  file: string | undefined,
  variable: string,
): readonly string[] {
  if (file === undefined) return tokens;
  const fail = (reason: string, cause?: unknown): ClewError =>
    new ClewError('CLEW_TOKEN_FILE_UNUSABLE', { path: file, variable, reason }, { cause });
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw fail((error as Error).message, error);
  }
  const inFile = text.split('\n').flatMap((line, index) => {
    const token = line.trim();
    if (token === '' || token.startsWith('#')) return [];
    if (!tokenPattern.test(token)) throw fail(`line ${index + 1} is no token of 16 to 512 letters, digits and -._~+/`);
    return [token];
  });
  const all = [...tokens, ...inFile];
  if (inFile.length === 0) throw fail('it holds no token');
  if (all.length > maxTokens) throw fail(`with it there are ${all.length} tokens; the limit is ${maxTokens}`);
  return all;
}

function hash(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

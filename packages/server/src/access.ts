import { collectTokens, createTokenLookup, type TokenLookup } from './access-tokens.ts';
import type { Config } from './config.ts';
import { ClewError } from './errors.ts';
import type { Tenant } from './tenants.ts';

/** The tokens of everyone, read once at the start. */
export interface Tokens {
  /** Of those who are no tenant. */
  readonly ingest: readonly string[];
  readonly query: readonly string[];
  readonly tenants: readonly Tenant[];
}

/**
 * Reads settings and files of tokens.
 * @throws ClewError CLEW_TOKEN_FILE_UNUSABLE, CLEW_TOKEN_SHARED
 */
export function readTokens(config: Config): Tokens {
  const { tenants } = config;
  const ingest = collectTokens(config.ingestTokens, config.ingestTokensFile, 'CLEW_INGEST_TOKENS_FILE');
  const query = collectTokens(config.queryTokens, config.queryTokensFile, 'CLEW_QUERY_TOKENS_FILE');
  for (const { name: tenant, ingestTokens, queryTokens } of tenants) {
    const refuseShared = (own: readonly string[], others: readonly string[], variable: string): void => {
      if (own.some((token) => others.includes(token))) throw new ClewError('CLEW_TOKEN_SHARED', { tenant, variable });
    };
    refuseShared(ingestTokens, ingest, 'CLEW_INGEST_TOKENS');
    refuseShared(queryTokens, query, 'CLEW_QUERY_TOKENS');
  }
  return { ingest, query, tenants };
}

/** Whether nobody needs a token: there are none, and nobody else's spans to keep apart. */
export function isOpen(tokens: readonly string[], tenants: readonly Tenant[]): boolean {
  return tokens.length === 0 && tenants.length === 0;
}

/**
 * Whose spans somebody means by a token.
 * @param ofNoTenant what belongs to those who are no tenant
 * @param ofTenants in the order of the tenants
 */
export function createLookup<Owner>(
  { tenants, ...tokensOf }: Tokens,
  kind: 'ingest' | 'query',
  ofNoTenant: Owner,
  ofTenants: readonly Owner[],
): TokenLookup<Owner> {
  const tokens = tokensOf[kind];
  if (isOpen(tokens, tenants)) return () => ofNoTenant;
  return createTokenLookup([
    { tokens, owner: ofNoTenant },
    ...tenants.map((tenant, index) => ({ tokens: tenant[`${kind}Tokens`], owner: ofTenants[index]! })),
  ]);
}

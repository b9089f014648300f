import { collectTokens, createTokenLookup, type TokenHolder, type TokenLookup } from './access-tokens.ts';
import type { Config } from './config.ts';
import { ClewError } from './errors.ts';
import type { Tenant } from './tenants.ts';

/** The tokens of everyone, read once at the start. */
export interface Tokens {
  /** Of those who are no tenant. */
  readonly ingest: readonly string[];
  readonly query: readonly string[];
  readonly admin: readonly string[];
  readonly metrics: readonly string[];
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
  const admin = collectTokens(config.adminTokens, config.adminTokensFile, 'CLEW_ADMIN_TOKENS_FILE');
  const metrics = collectTokens(config.metricsTokens, config.metricsTokensFile, 'CLEW_METRICS_TOKENS_FILE');
  for (const { name: tenant, ingestTokens, queryTokens, adminTokens, metricsTokens } of tenants) {
    const refuseShared = (own: readonly string[], others: readonly string[], variable: string): void => {
      if (own.some((token) => others.includes(token))) throw new ClewError('CLEW_TOKEN_SHARED', { tenant, variable });
    };
    refuseShared(ingestTokens, ingest, 'CLEW_INGEST_TOKENS');
    // All of these open the same port, where one token must mean one tenant.
    const readers = [...queryTokens, ...adminTokens, ...metricsTokens];
    refuseShared(readers, query, 'CLEW_QUERY_TOKENS');
    refuseShared(readers, admin, 'CLEW_ADMIN_TOKENS');
    refuseShared(readers, metrics, 'CLEW_METRICS_TOKENS');
  }
  return { ingest, query, admin, metrics, tenants };
}

/** Whether nobody needs a token: there are none, and nobody else's spans to keep apart. */
export function isOpen(tokens: readonly string[], tenants: readonly Tenant[]): boolean {
  return tokens.length === 0 && tenants.length === 0;
}

/**
 * Whose spans a sender means by its token.
 * @param ofNoTenant what belongs to those who are no tenant
 * @param ofTenants in the order of the tenants
 */
export function createSenderLookup<Owner>(
  { ingest, tenants }: Tokens,
  ofNoTenant: Owner,
  ofTenants: readonly Owner[],
): TokenLookup<Owner> {
  if (isOpen(ingest, tenants)) return () => ofNoTenant;
  return createTokenLookup([
    { tokens: ingest, owner: ofNoTenant },
    ...tenants.map(({ ingestTokens }, index) => ({ tokens: ingestTokens, owner: ofTenants[index]! })),
  ]);
}

/** What a caller of the API may do: read traces, read `/metrics`, change and delete what is stored. */
export type Right = 'query' | 'metrics' | 'change';

/** Who calls the API. */
export interface Caller<Owner> {
  readonly owner: Owner;
  readonly rights: ReadonlySet<Right>;
  /** For the log: the token's number in its list, never the token. */
  readonly name: string;
}

/** The lists of tokens that open the API for one tenant, or for those who are no tenant. */
interface CallerTokens {
  readonly query: readonly string[];
  readonly admin: readonly string[];
  readonly metrics: readonly string[];
}

/**
 * Who calls the API, by the token of the request. Without admin tokens, query tokens may change what is stored; query
 * tokens read `/metrics`, too. A caller without a token has the rights for which nobody needs one.
 *
 * @param ofNoTenant what belongs to those who are no tenant
 * @param ofTenants in the order of the tenants
 */
export function createCallerLookup<Owner>(
  tokens: Tokens,
  ofNoTenant: Owner,
  ofTenants: readonly Owner[],
): TokenLookup<Caller<Owner>> {
  const { query, admin, metrics, tenants } = tokens;
  const open = rightsWithoutToken(tokens);
  const anonymous = open.size === 0 ? undefined : { owner: ofNoTenant, rights: open, name: 'a caller without a token' };
  const known = createTokenLookup([
    ...listCallers({ query, admin, metrics }, ofNoTenant, open, ''),
    ...tenants.flatMap(({ name, queryTokens, adminTokens, metricsTokens }, index) => {
      const own = { query: queryTokens, admin: adminTokens, metrics: metricsTokens };
      return listCallers(own, ofTenants[index]!, new Set<Right>(), ` of tenant ${name}`);
    }),
  ]);
  return (header) => known(header) ?? anonymous;
}

function rightsWithoutToken({ query, admin, metrics, tenants }: Tokens): ReadonlySet<Right> {
  if (!isOpen(query, tenants)) return new Set();
  return new Set<Right>([
    'query',
    ...(metrics.length === 0 ? (['metrics'] as const) : []),
    ...(admin.length === 0 ? (['change'] as const) : []),
  ]);
}

/** @param open rights that nobody needs a token for. @param suffix names the tenant. */
function listCallers<Owner>(
  { query, admin, metrics }: CallerTokens,
  owner: Owner,
  open: ReadonlySet<Right>,
  suffix: string,
): TokenHolder<Caller<Owner>>[] {
  const ofQuery: readonly Right[] = admin.length === 0 ? ['query', 'metrics', 'change'] : ['query', 'metrics'];
  const lists: readonly (readonly [kind: string, tokens: readonly string[], rights: readonly Right[]])[] = [
    ['metrics', metrics, ['metrics']],
    ['query', query, ofQuery],
    ['admin', admin, ['query', 'metrics', 'change']],
  ];
  return lists.flatMap(([kind, tokens, rights]) =>
    tokens.map((token, index) => ({
      tokens: [token],
      owner: { owner, rights: new Set([...open, ...rights]), name: `${kind} token ${index + 1}${suffix}` },
    })),
  );
}

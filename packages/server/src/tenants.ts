import { z } from 'zod';
import { maxTokens, tokenPattern } from './access-tokens.ts';

/** Somebody whose spans nobody else sees. */
export interface Tenant {
  /** Of its folder and its database. */
  readonly name: string;
  readonly ingestTokens: readonly string[];
  readonly queryTokens: readonly string[];
  /** None: query tokens may change what is stored. */
  readonly adminTokens: readonly string[];
  readonly metricsTokens: readonly string[];
}

export const maxTenants = 50;

const tokens = z.array(z.string().regex(tokenPattern)).min(1).max(maxTokens);

const tenantSchema: z.ZodType<Tenant, unknown> = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9_]{0,31}$/),
  ingestTokens: tokens,
  queryTokens: tokens,
  adminTokens: tokens.default([]),
  metricsTokens: tokens.default([]),
});

/** No two have the same name, or a token in common. */
export const tenantsSchema: z.ZodType<readonly Tenant[]> = z
  .array(tenantSchema)
  .max(maxTenants)
  .refine((tenants) => areDifferent(tenants.map(({ name }) => name)))
  .refine((tenants) => areDifferent(tenants.flatMap(({ ingestTokens }) => [...new Set(ingestTokens)])))
  .refine((tenants) =>
    areDifferent(
      tenants.flatMap(({ queryTokens, adminTokens, metricsTokens }) => [
        ...new Set([...queryTokens, ...adminTokens, ...metricsTokens]),
      ]),
    ),
  );

function areDifferent(texts: readonly string[]): boolean {
  return new Set(texts).size === texts.length;
}

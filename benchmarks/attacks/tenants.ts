export const tenantNames = ['alpha', 'beta'] as const;

export type TenantName = (typeof tenantNames)[number];

export function tokenOf(tenant: TenantName, kind: 'ingest' | 'query'): string {
  return `${tenant}-${kind}-0123456789abcdef`;
}

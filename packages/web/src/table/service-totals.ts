import type { TraceTable } from '@clew/model';

export interface ServiceTotal {
  readonly service: string;
  readonly spanCount: number;
  readonly errorCount: number;
}

/** Spans and errors of each service in the trace, most spans first. */
export function totalServices(table: TraceTable): ServiceTotal[] {
  const totals = table.services.map((service) => ({ service, spanCount: 0, errorCount: 0 }));
  for (let row = 0; row < table.spanCount; row++) {
    const total = totals[table.service[row]!]!;
    total.spanCount++;
    if (table.status[row] === 2) total.errorCount++;
  }
  return totals.sort((a, b) => b.spanCount - a.spanCount || (a.service < b.service ? -1 : 1));
}

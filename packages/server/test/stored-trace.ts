import { detailsOf, type SpanDetails, tableFromNative } from '@clew/model';

/** The spans of a trace by name, once a server has all of them. */
export async function fetchStoredTrace(
  uiUrl: string,
  traceId: string,
  spanCount: number,
): Promise<ReadonlyMap<string, SpanDetails>> {
  let found = 0;
  for (let attempt = 0; attempt < 200; attempt++) {
    const response = await fetch(`${uiUrl}/clew/v1/traces/${traceId}`);
    if (response.status === 200) {
      const table = tableFromNative(new Uint8Array(await response.arrayBuffer()));
      found = table.spanCount;
      if (found >= spanCount) {
        const spans = Array.from({ length: found }, (_, row) => detailsOf(table, row));
        return new Map(spans.map((span) => [span.name, span]));
      }
    } else if (response.status !== 404) throw new Error(await response.text());
    // The next segment of the spool is loaded within a second.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`of trace ${traceId} ${found} spans arrived, not ${spanCount}`);
}

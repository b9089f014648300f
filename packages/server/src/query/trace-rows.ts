/**
 * A condition for the rows of some traces, which the sorting key answers: the minutes in which a trace has spans are
 * known, so that no other is looked at.
 *
 * @param traceIds an expression for a set of `FixedString(16)`, as it stands behind IN
 */
export function whereTraceIn(traceIds: string): string {
  return `trace_id IN (${traceIds})
  AND toStartOfMinute(start) IN (SELECT minute FROM trace_minutes WHERE trace_id IN (${traceIds}))`;
}

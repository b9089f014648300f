/**
 * A condition for the rows of some traces, which the sorting key answers: the minutes in which a trace has spans are
 * known, so that no other is looked at. Minute and trace go together, as all traces in the minutes of all would be ten
 * times as much.
 *
 * @param traceIds an expression for a set of `FixedString(16)`, as it stands behind IN
 */
export function whereTraceIn(traceIds: string): string {
  return `(toStartOfMinute(start), trace_id) IN (SELECT minute, trace_id FROM trace_minutes WHERE trace_id IN (${traceIds}))`;
}

/** The traces of the parameter `traceIds`, for {@link whereTraceIn}. */
export const givenTraces = 'SELECT toFixedString(unhex(arrayJoin({traceIds:Array(String)})), 16)';

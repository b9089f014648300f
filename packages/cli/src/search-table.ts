import { formatDuration, type SearchResponse, type TraceSummary } from '@clew/model';
import { escapeControls } from '@clew/model/text';
import { countOf } from './count.ts';
import { renderTable } from './table.ts';
import type { Terminal } from './terminal.ts';
import { fitCells, measureCells } from './text-width.ts';

const columns: Readonly<Record<string, (trace: TraceSummary) => string>> = {
  TRACE: (trace) => trace.traceId,
  START: (trace) => new Date(Number(BigInt(trace.startNs) / 1_000_000n)).toISOString(),
  DURATION: (trace) => formatDuration(trace.durationNs),
  SPANS: (trace) => String(trace.spanCount),
  ERRORS: (trace) => String(trace.errorCount),
  ROOT: (trace) =>
    escapeControls(`${trace.rootCount === 0 ? 'not received; first: ' : ''}${trace.firstService} ${trace.firstName}`),
  SERVICES: (trace) => escapeControls(trace.services.map(({ service }) => service).join(', ')),
};
const texts = ['TRACE', 'START', 'ROOT', 'SERVICES'];

/** The answer to a search as lines of text: a head, one trace a line, and how many there are in all. */
export function renderSearch(
  response: SearchResponse,
  { colors, widthCells = Number.POSITIVE_INFINITY }: Terminal,
): string[] {
  const { traces, hasMore } = response;
  const window = `between ${new Date(response.start).toISOString()} and ${new Date(response.end).toISOString()}`;
  if (traces.length === 0) return [`No trace ${window} matches. A longer time: --since 24h.`];

  const cells = traces.map((trace) => Object.values(columns).map((read) => read(trace)));
  const [head, ...rows] = renderTable([Object.keys(columns), ...cells], texts);
  // What stands last gives way on a narrow terminal; the trace id in front is never cut.
  const fit = (line: string): string => {
    if (measureCells(line) <= widthCells) return line;
    return fitCells(line, Math.max(widthCells, traces[0]!.traceId.length)).trimEnd();
  };
  const lines = [colors.dim(fit(head!))];
  for (const [index, row] of rows.entries()) {
    lines.push(traces[index]!.errorCount > 0 ? colors.red(fit(row)) : fit(row));
  }
  const newest = hasMore ? ', the newest that match; --limit shows more' : '';
  lines.push('', `${countOf(traces.length, 'trace')} ${window}${newest}.`);
  return lines;
}

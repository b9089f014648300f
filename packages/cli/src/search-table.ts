import { formatDuration, type SearchResponse, type TraceSummary } from '@clew/model';
import type { Terminal } from './terminal.ts';
import { escapeControls, fitCells, measureCells } from './text-width.ts';

interface Column {
  readonly title: string;
  readonly alignRight?: boolean;
  read(trace: TraceSummary): string;
}

const columns: readonly Column[] = [
  { title: 'TRACE', read: (trace) => trace.traceId },
  { title: 'START', read: (trace) => new Date(Number(BigInt(trace.startNs) / 1_000_000n)).toISOString() },
  { title: 'DURATION', alignRight: true, read: (trace) => formatDuration(trace.durationNs) },
  { title: 'SPANS', alignRight: true, read: (trace) => String(trace.spanCount) },
  { title: 'ERRORS', alignRight: true, read: (trace) => String(trace.errorCount) },
  { title: 'ROOT', read: (trace) => escapeControls(`${trace.rootService} ${trace.rootName}`) },
  { title: 'SERVICES', read: (trace) => escapeControls(trace.services.map(({ service }) => service).join(', ')) },
];

const gap = '  ';

/** The answer to a search as lines of text: a head, one trace a line, and how many there are in all. */
export function renderSearch(response: SearchResponse, terminal: Terminal): string[] {
  const { colors } = terminal;
  const { traces, hasMore } = response;
  const window = `between ${new Date(response.start).toISOString()} and ${new Date(response.end).toISOString()}`;
  if (traces.length === 0) return [`No trace ${window} matches. A longer time: --since 24h.`];

  const cells = traces.map((trace) => columns.map((column) => column.read(trace)));
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...cells.map((row) => measureCells(row[index]!))),
  );
  const lines = [
    colors.dim(
      renderRow(
        columns.map(({ title }) => title),
        widths,
        terminal,
      ),
    ),
  ];
  for (const [index, trace] of traces.entries()) {
    const line = renderRow(cells[index]!, widths, terminal);
    lines.push(trace.errorCount > 0 ? colors.red(line) : line);
  }
  const newest = hasMore ? ', the newest that match; --limit shows more' : '';
  lines.push('', `${traces.length} ${traces.length === 1 ? 'trace' : 'traces'} ${window}${newest}.`);
  return lines;
}

/** What stands last gives way on a narrow terminal; the trace id in front is never cut. */
function renderRow(
  cells: readonly string[],
  widths: readonly number[],
  { widthCells = Number.POSITIVE_INFINITY }: Terminal,
): string {
  const line = cells
    .map((cell, index) => {
      const padding = ' '.repeat(widths[index]! - measureCells(cell));
      return columns[index]!.alignRight ? padding + cell : cell + padding;
    })
    .join(gap)
    .trimEnd();
  return measureCells(line) <= widthCells ? line : fitCells(line, Math.max(widthCells, widths[0]!)).trimEnd();
}

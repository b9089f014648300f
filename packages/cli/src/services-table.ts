import {
  type CallMetrics,
  formatDuration,
  type OperationMetricsResponse,
  type ServiceGraphResponse,
} from '@clew/model';
import { escapeControls } from '@clew/model/text';
import { formatCount } from './count.ts';
import { renderTable } from './table.ts';
import type { Terminal } from './terminal.ts';

type Colors = Terminal['colors'];

/** Spans by which a service is called; those of its own work and of its calls to others are none. */
const called: ReadonlySet<string> = new Set(['server', 'consumer']);

/** A line a service: how often it was called, with what outcome. */
export function renderServices(response: OperationMetricsResponse, colors: Colors): string[] {
  const byService = new Map<string, { calls: number; errors: number; durationNs: number; names: number }>();
  for (const { service, kind, calls, errors, meanNs } of response.operations) {
    const sum = byService.get(service) ?? { calls: 0, errors: 0, durationNs: 0, names: 0 };
    byService.set(service, sum);
    if (!called.has(kind)) continue;
    sum.calls += calls;
    sum.errors += errors;
    sum.durationNs += calls * meanNs;
    sum.names++;
  }
  const sorted = [...byService].sort(([, a], [, b]) => b.calls - a.calls);
  const rows = sorted.map(([service, { calls, errors, durationNs, names }]) => ({
    hasErrors: errors > 0,
    cells: [
      escapeControls(service),
      formatCount(names),
      formatCount(calls),
      formatErrors(errors, calls),
      calls === 0 ? '-' : formatDuration(durationNs / calls),
    ],
  }));
  return render(['SERVICE', 'OPERATIONS', 'CALLS', 'ERRORS', 'MEAN'], ['SERVICE'], rows, response, colors);
}

/** A line an operation of one service. */
export function renderOperations(response: OperationMetricsResponse, colors: Colors): string[] {
  const rows = response.operations.map((operation) => ({
    hasErrors: operation.errors > 0,
    cells: [
      escapeControls(operation.name),
      operation.kind,
      ...formatCalls(operation),
      formatDuration(operation.p50Ns),
      formatDuration(operation.p95Ns),
      formatDuration(operation.p99Ns),
    ],
  }));
  const titles = ['OPERATION', 'KIND', 'CALLS', 'ERRORS', 'MEAN', 'P50', 'P95', 'P99'];
  return render(titles, ['OPERATION', 'KIND'], rows, response, colors);
}

/** A line for each two services of which one calls the other. */
export function renderGraph(response: ServiceGraphResponse, colors: Colors): string[] {
  const rows = response.edges.map((edge) => ({
    hasErrors: edge.errors > 0,
    cells: [
      escapeControls(edge.client),
      escapeControls(edge.server),
      { '': 'call', messaging_system: 'message', database: 'database' }[edge.connectionType],
      ...formatCalls(edge),
    ],
  }));
  const titles = ['CLIENT', 'SERVER', 'BY', 'CALLS', 'ERRORS', 'MEAN'];
  return render(titles, ['CLIENT', 'SERVER', 'BY'], rows, response, colors);
}

function formatCalls({ calls, errors, meanNs }: Pick<CallMetrics, 'calls' | 'errors' | 'meanNs'>): string[] {
  return [formatCount(calls), formatErrors(errors, calls), formatDuration(meanNs)];
}

interface Row {
  readonly cells: readonly string[];
  readonly hasErrors: boolean;
}

function render(
  titles: readonly string[],
  texts: readonly string[],
  rows: readonly Row[],
  { start, end, hasMore }: Pick<ServiceGraphResponse, 'start' | 'end' | 'hasMore'>,
  colors: Colors,
): string[] {
  const window = `between ${new Date(start).toISOString()} and ${new Date(end).toISOString()}`;
  if (rows.length === 0) return [`No calls ${window}. A longer time: --since 24h.`];
  const [head, ...lines] = renderTable([titles, ...rows.map(({ cells }) => cells)], texts);
  return [
    colors.dim(head!),
    ...lines.map((line, index) => (rows[index]!.hasErrors ? colors.red(line) : line)),
    '',
    `Calls ${window}${hasMore ? ', the most frequent of more' : ''}.`,
  ];
}

function formatErrors(errors: number, calls: number): string {
  if (errors === 0) return '0';
  const percent = (100 * errors) / calls;
  return `${formatCount(errors)} (${percent < 10 ? percent.toFixed(1) : Math.round(percent)} %)`;
}

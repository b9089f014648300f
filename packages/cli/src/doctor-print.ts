import type { DoctorReport } from './doctor-report.ts';
import type { Terminal } from './terminal.ts';

/** The report as text for a terminal. */
export function formatReport(report: DoctorReport, colors: Terminal['colors']): string {
  const { spans, processes, instrumented, collector, problems, exit } = report;
  const ended = exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;
  const kinds = Object.entries(spans.byKind).map(([kind, count]) => `${count} ${kind}`);
  const lines = [
    '',
    colors.bold('Traced'),
    `  ${spans.total} spans in ${spans.traces} traces${kinds.length > 0 ? `: ${kinds.join(', ')}` : ''}`,
    ...Object.entries(spans.byService).flatMap(([service, scopes]) => [
      `  ${service}`,
      ...Object.entries(scopes).map(([scope, count]) => `    ${count} by ${scope}`),
    ]),
    ...(instrumented.length > 0 ? [`  Libraries: ${instrumented.join(', ')}`] : []),
    `  ${processes.length} Node ${processes.length === 1 ? 'process' : 'processes'}, ended with ${ended}`,
    '',
    colors.bold('Collector'),
    `  ${collector.url}: ${describeAnswer(report)}`,
    '',
    problems.length === 0 ? colors.green(colors.bold('No problems')) : colors.bold(`Problems (${problems.length})`),
    ...problems.flatMap(({ message, advice, examples }, index) => [
      `  ${index + 1}. ${colors.yellow(message)}`,
      ...examples.map((example) => `       ${example}`),
      `     ${advice}`,
    ]),
  ];
  return `${lines.join('\n')}\n`;
}

function describeAnswer({ collector: { status, error } }: DoctorReport): string {
  if (error !== undefined) return `no answer (${error})`;
  return status === undefined ? 'somebody listens there' : `answers, HTTP ${status}`;
}

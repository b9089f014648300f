import { operationMetricsPath, serviceGraphPath } from '@clew/model';
import { connect } from './api-client.ts';
import { print, printJson } from './output.ts';
import { renderGraph, renderOperations, renderServices } from './services-table.ts';
import { describeTerminal } from './terminal.ts';
import { readStart } from './time-range.ts';

/** The options of `clew services` and `clew graph`, as parsed. */
export interface ServicesOptions {
  readonly server: string;
  readonly token?: string;
  /** Milliseconds back from now. */
  readonly since?: number;
  /** Unix milliseconds. */
  readonly start?: number;
  readonly end?: number;
  readonly json?: boolean;
}

/** Prints calls, errors and durations: of all services, or of the operations of one. */
export async function runServices(service: string | undefined, options: ServicesOptions): Promise<void> {
  const request = { start: readStart(options), end: options.end, service };
  const metrics = await connect(options.server, options.token).operationMetrics(operationMetricsPath(request));
  const { colors } = describeTerminal(process.stdout, process.env);
  printAnswer(
    metrics,
    options,
    service === undefined ? renderServices(metrics, colors) : renderOperations(metrics, colors),
  );
}

/** Prints who calls whom. */
export async function runGraph(options: ServicesOptions): Promise<void> {
  const window = { start: readStart(options), end: options.end };
  const graph = await connect(options.server, options.token).serviceGraph(serviceGraphPath(window));
  printAnswer(graph, options, renderGraph(graph, describeTerminal(process.stdout, process.env).colors));
}

function printAnswer(answer: unknown, { json }: ServicesOptions, lines: readonly string[]): void {
  if (json) printJson(answer);
  else print(`${lines.join('\n')}\n`);
}

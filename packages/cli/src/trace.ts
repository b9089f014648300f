import { tracePath } from '@clew/model';
import { connect } from './api-client.ts';
import { print, printJson } from './output.ts';
import { describeTerminal } from './terminal.ts';
import { describeTrace } from './trace-json.ts';
import { renderWaterfall } from './waterfall.ts';

/** The options of `clew trace`, as parsed. */
export interface TraceOptions {
  readonly server: string;
  readonly token?: string;
  /** Spans to print; 0 is all. */
  readonly limit: number;
  readonly json?: boolean;
}

/** Prints one trace and the address of its page in the UI. */
export async function runTrace(traceId: string, options: TraceOptions): Promise<void> {
  const client = connect(options.server, options.token);
  const table = await client.trace(tracePath(traceId));
  if (options.json) {
    printJson(describeTrace(table));
    return;
  }
  const terminal = describeTerminal(process.stdout, process.env);
  const lines = renderWaterfall(table, terminal, options.limit === 0 ? table.spanCount : options.limit);
  print(`${[...lines, '', client.uiLink(`/trace/${traceId}`)].join('\n')}\n`);
}

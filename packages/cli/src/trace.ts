import { tableFromNative, tracePath } from '@clew/model';
import { connect } from './api-client.ts';
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
  const table = tableFromNative(await client.trace(tracePath(traceId)));
  if (options.json) {
    process.stdout.write(`${JSON.stringify(describeTrace(table), null, 2)}\n`);
    return;
  }
  const terminal = describeTerminal(process.stdout, process.env);
  const lines = renderWaterfall(table, terminal, options.limit === 0 ? table.spanCount : options.limit);
  process.stdout.write(`${[...lines, '', client.uiLink(`/trace/${traceId}`)].join('\n')}\n`);
}

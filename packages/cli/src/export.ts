import { once } from 'node:events';
import { type SearchRequest, searchPath, type TraceTable, tracePath, traceToOtlpJson } from '@clew/model';
import { type ApiClient, connect } from './api-client.ts';
import { printJson } from './output.ts';
import type { SearchOptions } from './search.ts';
import { readStart } from './time-range.ts';

/** The options of `clew export`, as parsed: those of a search. */
export type ExportOptions = Omit<SearchOptions, 'json'>;

/** The most that one search gives. */
const maxPageSize = 1_000;

/** Traces that are asked for at once, so that the engine is not idle while one travels. */
const maxUnderWay = 4;

const progressIntervalMs = 500;

/**
 * Writes traces as OTLP/JSON, one `ExportTraceServiceRequest` a line and a trace: those that are named, else all that a
 * search finds, the newest first. On a terminal, progress goes to stderr.
 */
export async function runExport(traceIds: readonly string[], options: ExportOptions): Promise<void> {
  const client = connect(options.server, options.token);
  const progress = showProgress();
  const underWay: Promise<TraceTable>[] = [];
  const writeNext = async (): Promise<void> => {
    const table = await underWay.shift()!;
    // A reader that is slower than the server must not fill the memory.
    if (!printJson(traceToOtlpJson(table), 0)) await once(process.stdout, 'drain');
    progress.count(table.spanCount);
  };
  for await (const traceId of traceIds.length > 0 ? traceIds : findAllTraces(client, options)) {
    const trace = client.trace(tracePath(traceId));
    // Whoever waits for it meets its failure.
    trace.catch(() => undefined);
    underWay.push(trace);
    if (underWay.length === maxUnderWay) await writeNext();
  }
  while (underWay.length > 0) await writeNext();
  progress.end();
}

/** The ids of all traces that match, the newest first, page by page. @param pageSize 1 to 1,000 */
export async function* findAllTraces(
  client: ApiClient,
  options: ExportOptions,
  pageSize: number = maxPageSize,
): AsyncGenerator<string> {
  const { server: _server, token: _token, since: _since, limit = Number.POSITIVE_INFINITY, ...conditions } = options;
  const request: SearchRequest = { ...conditions, start: readStart(options), limit: pageSize, allowRepeats: true };
  const seen = new Set<string>();
  for (let cursor: string | undefined; ; ) {
    const page = await client.search(searchPath({ ...request, cursor }));
    for (const { traceId } of page.traces) {
      // A trace comes again on pages below that of its newest span. Left to the server, one that gets a new span between
      // two pages would be on neither.
      if (seen.has(traceId)) continue;
      if (seen.size >= limit) return;
      seen.add(traceId);
      yield traceId;
    }
    if (page.next === undefined) return;
    cursor = page.next;
  }
}

function showProgress(): { count(spans: number): void; end(): void } {
  const isShown = process.stderr.isTTY && !process.stdout.isTTY;
  let traces = 0;
  let spans = 0;
  let shownMs = performance.now();
  const show = (): void => {
    if (isShown) process.stderr.write(`\r${traces} traces, ${spans} spans`);
  };
  return {
    count: (more) => {
      traces++;
      spans += more;
      if (performance.now() - shownMs < progressIntervalMs) return;
      shownMs = performance.now();
      show();
    },
    end: () => {
      show();
      if (isShown) process.stderr.write('\n');
    },
  };
}

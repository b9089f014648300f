import { type SearchRequest, type SpanKindName, type SpanStatusName, searchPath } from '@clew/model';
import { connect } from './api-client.ts';
import { print, printJson } from './output.ts';
import { searchPagePath } from './search-page.ts';
import { renderSearch } from './search-table.ts';
import { describeTerminal } from './terminal.ts';
import { readStart } from './time-range.ts';

/** The options of `clew search`, as parsed. */
export interface SearchOptions {
  readonly server: string;
  readonly token?: string;
  readonly service?: string;
  readonly operation?: string;
  readonly kind?: SpanKindName;
  readonly status?: SpanStatusName;
  /** As `formatCondition` writes them. */
  readonly attribute?: readonly string[];
  readonly minDuration?: string;
  readonly maxDuration?: string;
  /** Milliseconds back from now. */
  readonly since?: number;
  /** Unix milliseconds. */
  readonly start?: number;
  readonly end?: number;
  readonly limit?: number;
  readonly json?: boolean;
}

/** Prints the traces that match, the newest first, and the address of the same search in the UI. */
export async function runSearch(options: SearchOptions): Promise<void> {
  const { server, token, since: _since, json, ...conditions } = options;
  const request: SearchRequest = { ...conditions, start: readStart(options) };
  const client = connect(server, token);
  const response = await client.search(searchPath(request));
  if (json) {
    printJson(response);
    return;
  }
  const lines = renderSearch(response, describeTerminal(process.stdout, process.env));
  print(`${[...lines, client.uiLink(searchPagePath(request, response))].join('\n')}\n`);
}

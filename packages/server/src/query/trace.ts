import { Readable } from 'node:stream';
import { parseTraceId, traceIdSyntax } from '@clew/model';
import { ClewError } from '../errors.ts';
import type { StoreClient } from '../store/client.ts';
import { StoreError, toStoreError } from '../store/store-error.ts';
import { refuse } from './parameters.ts';
import type { Statement } from './statement.ts';
import { whereTraceIn } from './trace-rows.ts';

/** The columns of `spans`, in the order of the schema. */
export const spanColumns: readonly string[] = [
  'trace_id',
  'span_id',
  'parent_span_id',
  'trace_state',
  'flags',
  'name',
  'kind',
  'start',
  'duration_ns',
  'status_code',
  'status_message',
  'service',
  'resource_hash',
  'scope_name',
  'scope_version',
  'scope_attributes',
  'scope_dropped_attributes_count',
  'scope_schema_url',
  'attr_string',
  'attr_int',
  'attr_double',
  'attr_bool',
  'attr_other',
  'dropped_attributes_count',
  'event_time',
  'event_name',
  'event_attributes',
  'event_dropped_attributes_count',
  'dropped_events_count',
  'link_trace_id',
  'link_span_id',
  'link_trace_state',
  'link_flags',
  'link_attributes',
  'link_dropped_attributes_count',
  'dropped_links_count',
];

/** The trace of the parameter `traceId`. */
export const givenTrace = 'toFixedString(unhex({traceId:String}), 16)';

/** All spans of a trace, ordered by start. */
export function buildTraceStatement(traceId: string): Statement {
  return {
    sql: `SELECT ${spanColumns.join(', ')}
FROM spans
WHERE ${whereTraceIn(givenTrace)}
ORDER BY start, span_id`,
    params: { traceId },
  };
}

/** The resources of a trace's spans, once each. */
export function buildResourcesStatement(traceId: string): Statement {
  return {
    sql: `SELECT resource_hash, attributes, schema_url, dropped_attributes_count
FROM resources
WHERE resource_hash IN (
  SELECT resource_hash FROM spans WHERE ${whereTraceIn(givenTrace)}
)
LIMIT 1 BY resource_hash`,
    params: { traceId },
  };
}

/** @throws ClewError CLEW_PARAMETER_INVALID */
export function readTraceId(text: string): string {
  return parseTraceId(text) ?? refuse('traceId', text, traceIdSyntax);
}

/**
 * One trace as Native blocks: first the spans, with {@link spanColumns}, then their resources, with `resource_hash`,
 * `attributes`, the bytes of a KeyValueList, `schema_url` and `dropped_attributes_count`. Two statements are faster than a join. A failure after the first block
 * destroys the stream with an error.
 * @throws ClewError CLEW_PARAMETER_INVALID, CLEW_TRACE_NOT_FOUND; StoreError
 */
export async function openTrace(client: StoreClient, traceIdText: string): Promise<Readable> {
  const traceId = readTraceId(traceIdText);
  const pieces = readTrace(client, traceId);
  const first = await pieces.next().catch((error: unknown) => {
    throw toTraceError(error, traceId);
  });
  // The second number of a block is that of its rows.
  if (first.done || first.value[1] === 0) {
    await pieces.return();
    throw new ClewError('CLEW_TRACE_NOT_FOUND', { traceId });
  }
  const blocks = Readable.from(startWith(first.value, pieces), { objectMode: false });
  // One that is closed before it was read has not begun with the pieces.
  return blocks.once('close', () => void pieces.return());
}

/** What is read of a trace is all of it, so that there is nothing to narrow. */
function toTraceError(error: unknown, traceId: string): Error {
  const known = toStoreError(error);
  if (!(known instanceof StoreError) || known.code !== 'CLEW_QUERY_TOO_EXPENSIVE') return known;
  const { reason } = (known as StoreError<'CLEW_QUERY_TOO_EXPENSIVE'>).details;
  return new ClewError('CLEW_TRACE_TOO_EXPENSIVE', { traceId, reason }, { cause: error });
}

async function* readTrace(client: StoreClient, traceId: string): AsyncGenerator<Uint8Array, void> {
  let resources: Promise<Readable> | undefined;
  try {
    for await (const bytes of await openNative(client, buildTraceStatement(traceId))) {
      // Not before spans are read: resources are stored first, so those of all spans that were read are there.
      if (resources === undefined) {
        resources = openNative(client, buildResourcesStatement(traceId));
        // An error is thrown when it is their turn.
        resources.catch(() => {});
      }
      yield bytes as Uint8Array;
    }
    if (resources !== undefined) yield* await resources;
  } finally {
    resources?.then((stream) => stream.destroy()).catch(() => {});
  }
}

async function* startWith(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  yield first;
  yield* rest;
}

async function openNative(client: StoreClient, { sql, params }: Statement): Promise<Readable> {
  const { stream } = await client.exec({ query: `${sql}\nFORMAT Native`, query_params: { ...params } });
  return stream.on('error', () => {});
}

import { once } from 'node:events';
import { Readable } from 'node:stream';
import { ClewError } from '../errors.ts';
import type { StoreClient } from '../store/client.ts';
import { toStoreError } from '../store/store-error.ts';
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
    sql: `SELECT resource_hash, attributes
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
  const traceId = text.toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(traceId) || /^0+$/.test(traceId)) {
    refuse('traceId', text, '32 hexadecimal digits, not all zero');
  }
  return traceId;
}

/**
 * One trace as Native blocks: first the spans, with {@link spanColumns}, then their resources, with `resource_hash` and
 * `attributes`, the bytes of a KeyValueList. Both are read side by side, which is faster than a join. A failure after the
 * first block destroys the stream with an error.
 * @throws ClewError CLEW_PARAMETER_INVALID, CLEW_TRACE_NOT_FOUND; StoreError
 */
export async function openTrace(client: StoreClient, traceIdText: string): Promise<Readable> {
  const traceId = readTraceId(traceIdText);
  const [spans, resources] = await openAll([
    openNative(client, buildTraceStatement(traceId)),
    openNative(client, buildResourcesStatement(traceId)),
  ]);
  const blocks = Readable.from(inTurn([spans!, resources!]), { objectMode: false });
  if (await isWithoutRows(blocks)) {
    blocks.destroy();
    throw new ClewError('CLEW_TRACE_NOT_FOUND', { traceId });
  }
  return blocks;
}

async function openNative(client: StoreClient, { sql, params }: Statement): Promise<Readable> {
  const { stream } = await client.exec({ query: `${sql}\nFORMAT Native`, query_params: { ...params } });
  // Its reader learns of an error when its turn comes.
  stream.on('error', () => {});
  return stream;
}

/** All of them, or none. */
async function openAll(opening: readonly Promise<Readable>[]): Promise<Readable[]> {
  try {
    return await Promise.all(opening);
  } catch (error) {
    for (const each of await Promise.allSettled(opening)) if (each.status === 'fulfilled') each.value.destroy();
    throw toStoreError(error);
  }
}

async function* inTurn(streams: readonly Readable[]): AsyncGenerator<Uint8Array> {
  try {
    for (const stream of streams) yield* stream;
  } finally {
    for (const stream of streams) stream.destroy();
  }
}

/** Whether nothing comes, or a block whose second number, that of its rows, is 0. */
async function isWithoutRows(blocks: Readable): Promise<boolean> {
  // Comes before the end, too.
  await once(blocks, 'readable').catch((error: unknown) => {
    throw toStoreError(error);
  });
  const bytes: Buffer | null = blocks.read();
  if (bytes === null) return true;
  blocks.unshift(bytes);
  return bytes[1] === 0;
}

import type { Readable } from 'node:stream';
import { ClewError } from '../errors.ts';
import type { StoreClient } from '../store/client.ts';
import { toStoreError } from '../store/store-error.ts';
import { refuse } from './parameters.ts';
import { fetchRows, type Statement } from './statement.ts';
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

/** The resources of a trace: none when there is no such trace. Cheap, as it reads one column. */
export function buildResourcesStatement(traceId: string): Statement {
  return {
    sql: `SELECT DISTINCT toString(resource_hash) AS hash
FROM spans
WHERE ${whereTraceIn(givenTrace)}`,
    params: { traceId },
  };
}

/** All spans of a trace, ordered by start, each with the attributes of its resource. */
export function buildTraceStatement(traceId: string, resourceHashes: readonly bigint[]): Statement {
  return {
    sql: `SELECT ${spanColumns.map((column) => `spans.${column} AS ${column}`).join(', ')},
  toLowCardinality(owners.attributes) AS resource_attributes
FROM spans
LEFT ANY JOIN (
  SELECT resource_hash, attributes FROM resources WHERE resource_hash IN {resourceHashes:Array(UInt64)}
) AS owners ON spans.resource_hash = owners.resource_hash
WHERE ${whereTraceIn(givenTrace)}
ORDER BY spans.start, spans.span_id`,
    params: { traceId, resourceHashes },
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
 * One trace as Native blocks: {@link spanColumns} and `resource_attributes`, a LowCardinality(String) with the bytes of
 * the resource's KeyValueList. A failure after the first block destroys the stream with an error.
 * @throws ClewError CLEW_PARAMETER_INVALID, CLEW_TRACE_NOT_FOUND; StoreError
 */
export async function openTrace(client: StoreClient, traceIdText: string): Promise<Readable> {
  const traceId = readTraceId(traceIdText);
  const resources = await fetchRows<{ hash: string }>(client, buildResourcesStatement(traceId));
  if (resources.length === 0) throw new ClewError('CLEW_TRACE_NOT_FOUND', { traceId });
  const { sql, params, settings } = buildTraceStatement(
    traceId,
    resources.map(({ hash }) => BigInt(hash)),
  );
  try {
    const { stream } = await client.exec({
      query: `${sql}\nFORMAT Native`,
      query_params: { ...params },
      clickhouse_settings: { ...settings },
    });
    return stream;
  } catch (error) {
    throw toStoreError(error);
  }
}

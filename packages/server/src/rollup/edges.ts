import { spanDuration } from '../query/span-duration.ts';
import type { Statement } from '../query/statement.ts';
import { lastMinute } from './minutes.ts';

/** How long before a call its caller may have started. */
const callerMinutes = 5;

const minutesOfCalls = "(SELECT toDateTime(arrayJoin({minutes:Array(UInt32)}), 'UTC'))";

/** By what a client calls a database that it does not name otherwise. */
const databaseSystem =
  "if(attr_string['db.system.name'] != '', attr_string['db.system.name'], attr_string['db.system'])";
const databaseName = "if(attr_string['db.namespace'] != '', attr_string['db.namespace'], attr_string['db.name'])";

/** Reads keys alone, and passes over the values of all that is no database: half the cost of the statement. */
const mayBeDatabase = "(mapContains(attr_string, 'db.system.name') OR mapContains(attr_string, 'db.system'))";

/**
 * A caller is found by the hash of its ids: joined by the ids themselves, calls cost twice as much. Each call has one, even
 * when a sender gives all of its spans the same id.
 */
const hashOf = (spanId: string): string => `cityHash64(trace_id, ${spanId})`;

/**
 * Calls from service to service in the minutes, with a generation. A call is a span whose parent is of another service,
 * or a server's or consumer's span with a client's or producer's for a parent, as in Tempo's service graph; and a
 * client's span of a database, of which no span comes.
 * @param minutes Unix seconds
 */
export function buildEdgesStatement(minutes: readonly number[], generationMs: number): Statement {
  return {
    sql: `INSERT INTO service_edges
SELECT client, server, connection_type, minute, fromUnixTimestamp64Milli({generation:Int64}, 'UTC'),
  count(), countIf(status_code = 2), sum(toFloat64(${spanDuration}))
FROM (
  SELECT caller.service AS client, call.service AS server, if(call.kind = 5, 'messaging_system', '') AS connection_type,
    minute, duration_ns, status_code
  FROM (
    SELECT ${hashOf('span_id')} AS hash, service, kind
    FROM spans
    WHERE toStartOfMinute(start) >= toDateTime({first:UInt32}, 'UTC') AND toStartOfMinute(start) <= toDateTime({last:UInt32}, 'UTC')
  ) AS caller
  ANY RIGHT JOIN (
    SELECT ${hashOf('parent_span_id')} AS hash, service, kind, toStartOfMinute(start) AS minute, duration_ns, status_code
    FROM spans
    WHERE toStartOfMinute(start) IN ${minutesOfCalls} AND kind IN (0, 2, 5) AND parent_span_id != toFixedString('', 8)
  ) AS call ON call.hash = caller.hash
  WHERE caller.hash = call.hash AND (caller.service != call.service OR (caller.kind IN (3, 4) AND call.kind IN (2, 5)))
  UNION ALL
  SELECT service, multiIf(attr_string['peer.service'] != '', attr_string['peer.service'],
      ${databaseName} != '', concat(${databaseSystem}, '/', ${databaseName}), ${databaseSystem}),
    'database', toStartOfMinute(start), duration_ns, status_code
  FROM spans
  WHERE toStartOfMinute(start) IN ${minutesOfCalls} AND kind = 3 AND ${mayBeDatabase} AND ${databaseSystem} != ''
)
GROUP BY client, server, connection_type, minute`,
    params: {
      minutes,
      generation: generationMs,
      first: Math.max(0, Math.min(...minutes) - callerMinutes * 60),
      // A caller's clock may be ahead.
      last: Math.min(lastMinute, Math.max(...minutes) + 60),
    },
  };
}

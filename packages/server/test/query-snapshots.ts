/** The text of every statement that the server generates, as it was reviewed. */
export const snapshots: Readonly<Record<string, string>> = {
  services: `SELECT DISTINCT service FROM operations ORDER BY service`,
  operations: `SELECT DISTINCT name FROM operations WHERE service = {service:String} ORDER BY name`,
  places: `SELECT [max((((mapContains(attr_string, {key0:String}) AND attr_string[{key0:String}] = {string0:String}) OR (mapContains(attr_int, {key0:String}) AND attr_int[{key0:String}] = {int0:Int64}) OR (mapContains(attr_double, {key0:String}) AND attr_double[{key0:String}] = {double0:Float64})) OR (mapContains(attr_other, {key0:String}) AND multiSearchAny(attr_other[{key0:String}], arrayMap(hex -> unhex(hex), {elements0:Array(String)}))))),
  max((((mapContains(attr_string, {key1:String}) AND attr_string[{key1:String}] = {string1:String}) OR (mapContains(attr_bool, {key1:String}) AND attr_bool[{key1:String}] = {bool1:Bool})) OR (mapContains(attr_other, {key1:String}) AND (multiSearchAny(attr_other[{key1:String}], arrayMap(hex -> unhex(hex), {elements1:Array(String)})) OR has(arrayMap(hex -> unhex(hex), {wholes1:Array(String)}), attr_other[{key1:String}])))))] AS onResources,
  [(SELECT count() > 0 FROM (SELECT 1 FROM spans WHERE start >= fromUnixTimestamp64Nano({start:Int64}, 'UTC') AND start < fromUnixTimestamp64Nano({end:Int64}, 'UTC') AND (mapContains(attr_other, {key0:String}) AND multiSearchAny(attr_other[{key0:String}], arrayMap(hex -> unhex(hex), {elements0:Array(String)}))) LIMIT 1)),
  (SELECT count() > 0 FROM (SELECT 1 FROM spans WHERE start >= fromUnixTimestamp64Nano({start:Int64}, 'UTC') AND start < fromUnixTimestamp64Nano({end:Int64}, 'UTC') AND (mapContains(attr_other, {key1:String}) AND (multiSearchAny(attr_other[{key1:String}], arrayMap(hex -> unhex(hex), {elements1:Array(String)})) OR has(arrayMap(hex -> unhex(hex), {wholes1:Array(String)}), attr_other[{key1:String}]))) LIMIT 1))] AS inArrays
FROM resources`,
  match: `SELECT lower(hex(trace_id)) AS id, toString(toUnixTimestamp64Nano(max(start))) AS newestNs
FROM spans
WHERE start >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
  AND start < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
  AND service = {service:String}
  AND name = {operation:String}
  AND duration_ns >= {minDuration:Int64}
  AND duration_ns <= {maxDuration:Int64}
  AND (((mapContains(attr_string, {key0:String}) AND attr_string[{key0:String}] = {string0:String}) OR (mapContains(attr_int, {key0:String}) AND attr_int[{key0:String}] = {int0:Int64}) OR (mapContains(attr_double, {key0:String}) AND attr_double[{key0:String}] = {double0:Float64})) OR ((SELECT count() > 0 FROM (SELECT 1 FROM spans WHERE start >= fromUnixTimestamp64Nano({start:Int64}, 'UTC') AND start < fromUnixTimestamp64Nano({end:Int64}, 'UTC') AND (mapContains(attr_other, {key0:String}) AND multiSearchAny(attr_other[{key0:String}], arrayMap(hex -> unhex(hex), {elements0:Array(String)}))) LIMIT 1)) AND (mapContains(attr_other, {key0:String}) AND multiSearchAny(attr_other[{key0:String}], arrayMap(hex -> unhex(hex), {elements0:Array(String)})))))
  AND ((((mapContains(attr_string, {key1:String}) AND attr_string[{key1:String}] = {string1:String}) OR (mapContains(attr_bool, {key1:String}) AND attr_bool[{key1:String}] = {bool1:Bool})) OR ((SELECT count() > 0 FROM (SELECT 1 FROM spans WHERE start >= fromUnixTimestamp64Nano({start:Int64}, 'UTC') AND start < fromUnixTimestamp64Nano({end:Int64}, 'UTC') AND (mapContains(attr_other, {key1:String}) AND (multiSearchAny(attr_other[{key1:String}], arrayMap(hex -> unhex(hex), {elements1:Array(String)})) OR has(arrayMap(hex -> unhex(hex), {wholes1:Array(String)}), attr_other[{key1:String}]))) LIMIT 1)) AND (mapContains(attr_other, {key1:String}) AND (multiSearchAny(attr_other[{key1:String}], arrayMap(hex -> unhex(hex), {elements1:Array(String)})) OR has(arrayMap(hex -> unhex(hex), {wholes1:Array(String)}), attr_other[{key1:String}])))))
    OR (resource_hash IN (SELECT resource_hash FROM resources WHERE (((mapContains(attr_string, {key1:String}) AND attr_string[{key1:String}] = {string1:String}) OR (mapContains(attr_bool, {key1:String}) AND attr_bool[{key1:String}] = {bool1:Bool})) OR (mapContains(attr_other, {key1:String}) AND (multiSearchAny(attr_other[{key1:String}], arrayMap(hex -> unhex(hex), {elements1:Array(String)})) OR has(arrayMap(hex -> unhex(hex), {wholes1:Array(String)}), attr_other[{key1:String}])))))
      AND NOT mapContains(attr_string, {key1:String}) AND NOT mapContains(attr_int, {key1:String}) AND NOT mapContains(attr_double, {key1:String}) AND NOT mapContains(attr_bool, {key1:String}) AND NOT mapContains(attr_other, {key1:String})))
  AND trace_id NOT IN (SELECT toFixedString(unhex(arrayJoin({known:Array(String)})), 16))
GROUP BY trace_id
ORDER BY max(start) DESC, trace_id
LIMIT {limit:UInt32}`,
  matchFields: `SELECT lower(hex(trace_id)) AS id, toString(toUnixTimestamp64Nano(max(start))) AS newestNs
FROM spans
WHERE start >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
  AND start < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
  AND NOT (start = fromUnixTimestamp64Nano({cursorStart:Int64}, 'UTC') AND trace_id <= toFixedString(unhex({cursorTrace:String}), 16))
  AND kind = {kind:UInt8}
  AND status_code = {status:UInt8}
  AND (((mapContains(attr_string, {key0:String}) AND attr_string[{key0:String}] = {string0:String}) OR (mapContains(attr_bool, {key0:String}) AND attr_bool[{key0:String}] = {bool0:Bool})) OR status_code = 2)
GROUP BY trace_id
ORDER BY max(start) DESC, trace_id
LIMIT {limit:UInt32}`,
  repeats: `SELECT DISTINCT lower(hex(trace_id)) AS id
FROM spans
WHERE (toStartOfMinute(start), trace_id) IN (SELECT minute, trace_id FROM trace_minutes WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({traceIds:Array(String)})), 16)))
  AND start >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
  AND start < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
  AND NOT (start = fromUnixTimestamp64Nano({cursorStart:Int64}, 'UTC') AND trace_id > toFixedString(unhex({cursorTrace:String}), 16))
  AND service = {service:String}`,
  summary: `SELECT lower(hex(trace_id)) AS traceId,
  argMin(service, (parent_span_id != toFixedString('', 8), start, span_id)) AS firstService,
  argMin(name, (parent_span_id != toFixedString('', 8), start, span_id)) AS firstName,
  countIf(parent_span_id = toFixedString('', 8)) AS rootCount,
  toString(toUnixTimestamp64Nano(min(start))) AS startNs,
  max(toUnixTimestamp64Nano(start) + greatest(duration_ns, 0)) - toUnixTimestamp64Nano(min(start)) AS durationNs,
  count() AS spanCount,
  countIf(status_code = 2) AS errorCount,
  arraySort(entry -> (-entry.2, entry.1), CAST(sumMap(map(toString(service), toUInt64(1))), 'Array(Tuple(String, UInt64))')) AS services
FROM spans
WHERE (toStartOfMinute(start), trace_id) IN (SELECT minute, trace_id FROM trace_minutes WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({traceIds:Array(String)})), 16)))
GROUP BY trace_id`,
  resources: `SELECT resource_hash, attributes, schema_url, dropped_attributes_count
FROM resources
WHERE resource_hash IN (
  SELECT resource_hash FROM spans WHERE (toStartOfMinute(start), trace_id) IN (SELECT minute, trace_id FROM trace_minutes WHERE trace_id IN (toFixedString(unhex({traceId:String}), 16)))
)
LIMIT 1 BY resource_hash`,
  trace: `SELECT trace_id, span_id, parent_span_id, trace_state, flags, name, kind, start, duration_ns, status_code, status_message, service, resource_hash, scope_name, scope_version, scope_attributes, scope_dropped_attributes_count, scope_schema_url, attr_string, attr_int, attr_double, attr_bool, attr_other, dropped_attributes_count, event_time, event_name, event_attributes, event_dropped_attributes_count, dropped_events_count, link_trace_id, link_span_id, link_trace_state, link_flags, link_attributes, link_dropped_attributes_count, dropped_links_count
FROM spans
WHERE (toStartOfMinute(start), trace_id) IN (SELECT minute, trace_id FROM trace_minutes WHERE trace_id IN (toFixedString(unhex({traceId:String}), 16)))
ORDER BY start, span_id`,
  tables: `SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes
FROM system.parts
WHERE active AND database = currentDatabase()
GROUP BY table
ORDER BY table`,
  times: `SELECT count() AS spans,
  toString(toUnixTimestamp64Nano(min(start))) AS oldestNs,
  toString(toUnixTimestamp64Nano(max(start))) AS newestNs
FROM spans`,
  operationMetrics: `SELECT service, name, kind, intDiv(toUnixTimestamp(minute), {step:UInt32}) * {step:UInt32} AS time,
  sum(calls) AS calls, sum(errors) AS errors, sum(duration_ns) AS durationNs,
  CAST(sumMap(duration_buckets), 'Array(Tuple(UInt16, UInt64))') AS buckets
FROM (
  SELECT *, max(generation) OVER (PARTITION BY minute, service) AS newest
  FROM operation_minutes FINAL
  WHERE minute >= toStartOfMinute(fromUnixTimestamp64Milli({start:Int64}, 'UTC')) AND minute <= fromUnixTimestamp64Milli({end:Int64}, 'UTC') AND service = {service:String}
)
WHERE generation = newest AND name = {operation:String}
GROUP BY service, name, kind, time
ORDER BY sum(calls) OVER (PARTITION BY service, name, kind) DESC, service, name, kind, time
LIMIT {limit:UInt32}`,
  serviceGraph: `SELECT client, server, connection_type AS connectionType, sum(service_edges.calls) AS calls, sum(service_edges.errors) AS errors,
  round(sum(duration_ns) / sum(service_edges.calls)) AS meanNs
FROM service_edges FINAL
WHERE minute >= toStartOfMinute(fromUnixTimestamp64Milli({start:Int64}, 'UTC'))
  AND minute <= fromUnixTimestamp64Milli({end:Int64}, 'UTC')
GROUP BY client, server, connectionType
ORDER BY calls DESC, client, server, connectionType
LIMIT {limit:UInt32}`,
  attributeKeys: `SELECT scope, key, groupUniqArray(type) AS types
FROM (
  SELECT 'span' AS scope, key, type FROM attribute_keys WHERE day >= toDate(fromUnixTimestamp64Milli({start:Int64}, 'UTC'))
  AND day <= toDate(fromUnixTimestamp64Milli({end:Int64}, 'UTC'))
  UNION ALL
  SELECT 'resource' AS scope, entry.1 AS key, entry.2 AS type
  FROM (SELECT arrayJoin(arrayConcat(arrayMap(key -> (toString(key), 'string'), mapKeys(attr_string)), arrayMap(key -> (toString(key), 'int'), mapKeys(attr_int)), arrayMap(key -> (toString(key), 'double'), mapKeys(attr_double)), arrayMap(key -> (toString(key), 'bool'), mapKeys(attr_bool)), arrayMap(key -> (toString(key), 'other'), mapKeys(attr_other)))) AS entry FROM resources)
)
WHERE startsWith(key, {prefix:String})
GROUP BY scope, key
ORDER BY key, scope DESC
LIMIT {limit:UInt32}`,
  attributeValues: `SELECT DISTINCT value, type
FROM (
  SELECT toString(type) AS type, value FROM attribute_values WHERE day >= toDate(fromUnixTimestamp64Milli({start:Int64}, 'UTC'))
  AND day <= toDate(fromUnixTimestamp64Milli({end:Int64}, 'UTC')) AND key = {key:String}
  UNION ALL
  SELECT 'string' AS type, toString(attr_string[{key:String}]) AS value
  FROM resources WHERE mapContains(attr_string, {key:String})
  UNION ALL
  SELECT 'int' AS type, toString(attr_int[{key:String}]) AS value
  FROM resources WHERE mapContains(attr_int, {key:String})
  UNION ALL
  SELECT 'double' AS type, toString(attr_double[{key:String}]) AS value
  FROM resources WHERE mapContains(attr_double, {key:String})
  UNION ALL
  SELECT 'bool' AS type, toString(attr_bool[{key:String}]) AS value
  FROM resources WHERE mapContains(attr_bool, {key:String})
)
WHERE startsWith(value, {prefix:String})
ORDER BY value, type
LIMIT {limit:UInt32}`,
  mostKeys: `SELECT max(noted) AS most
FROM (SELECT uniqExact(key) AS noted FROM attribute_keys WHERE day >= toDate(fromUnixTimestamp64Milli({start:Int64}, 'UTC'))
  AND day <= toDate(fromUnixTimestamp64Milli({end:Int64}, 'UTC')) GROUP BY day)`,
  mostValues: `SELECT max(noted) AS most
FROM (SELECT uniqExact(value) AS noted FROM attribute_values WHERE day >= toDate(fromUnixTimestamp64Milli({start:Int64}, 'UTC'))
  AND day <= toDate(fromUnixTimestamp64Milli({end:Int64}, 'UTC')) AND key = {key:String} GROUP BY day)`,
  rollupGeneration: `SELECT toUnixTimestamp64Milli(now64(3)) - if(count() = 0, 0, toInt64(ceil(max(elapsed) * 1000)) + 1) AS generation
FROM system.processes
WHERE query ILIKE 'INSERT INTO spans%'`,
  rollupPending: `SELECT toUnixTimestamp(minute) AS minute, toUnixTimestamp64Milli(noted) AS notedMs,
  toUInt32(generation != 0) AS isComputed
FROM (SELECT minute, max(noted) AS noted FROM span_minutes GROUP BY minute) AS inserted
LEFT JOIN (SELECT minute, max(generation) AS generation FROM rollups GROUP BY minute) AS computed USING (minute)
WHERE generation <= noted
ORDER BY minute DESC`,
  rollupDone: `INSERT INTO rollups
SELECT toDateTime(arrayJoin({minutes:Array(UInt32)}), 'UTC'), fromUnixTimestamp64Milli({generation:Int64}, 'UTC')`,
  rollupOperations: `INSERT INTO operation_minutes
SELECT service, shown, kind, minute, fromUnixTimestamp64Milli({generation:Int64}, 'UTC'),
  sum(calls), sum(errors), sum(duration), sumMap(map(bucket, calls))
FROM (
  SELECT *, if(dense_rank() OVER (PARTITION BY minute, service ORDER BY named DESC, name) <= 1000,
    name, '(other)') AS shown
  FROM (
    SELECT *, sum(calls) OVER (PARTITION BY minute, service, name) AS named
    FROM (
      SELECT any(toStartOfMinute(start)) AS minute, any(service) AS service, toString(any(name)) AS name, any(kind) AS kind,
        toUInt16(if(duration_ns <= 1, 0, ceil(log2(duration_ns) * 8))) AS bucket,
        count() AS calls, countIf(status_code = 2) AS errors, sum(toFloat64(greatest(duration_ns, 0))) AS duration
      FROM spans
      WHERE toStartOfMinute(start) IN (SELECT toDateTime(arrayJoin({minutes:Array(UInt32)}), 'UTC'))
      GROUP BY cityHash64(toStartOfMinute(spans.start), spans.service, spans.name, spans.kind), bucket
    )
  )
)
GROUP BY minute, service, shown, kind`,
  rollupEdges: `INSERT INTO service_edges
SELECT client, server, connection_type, minute, fromUnixTimestamp64Milli({generation:Int64}, 'UTC'),
  count(), countIf(status_code = 2), sum(toFloat64(greatest(duration_ns, 0)))
FROM (
  SELECT caller.service AS client, call.service AS server, if(call.kind = 5, 'messaging_system', '') AS connection_type,
    minute, duration_ns, status_code
  FROM (
    SELECT cityHash64(trace_id, span_id) AS hash, service, kind
    FROM spans
    WHERE toStartOfMinute(start) >= toDateTime({first:UInt32}, 'UTC') AND toStartOfMinute(start) <= toDateTime({last:UInt32}, 'UTC')
  ) AS caller
  ANY RIGHT JOIN (
    SELECT cityHash64(trace_id, parent_span_id) AS hash, service, kind, toStartOfMinute(start) AS minute, duration_ns, status_code
    FROM spans
    WHERE toStartOfMinute(start) IN (SELECT toDateTime(arrayJoin({minutes:Array(UInt32)}), 'UTC')) AND kind IN (0, 2, 5) AND parent_span_id != toFixedString('', 8)
  ) AS call ON call.hash = caller.hash
  WHERE caller.hash = call.hash AND (caller.service != call.service OR (caller.kind IN (3, 4) AND call.kind IN (2, 5)))
  UNION ALL
  SELECT service, multiIf(attr_string['peer.service'] != '', attr_string['peer.service'],
      if(attr_string['db.namespace'] != '', attr_string['db.namespace'], attr_string['db.name']) != '', concat(if(attr_string['db.system.name'] != '', attr_string['db.system.name'], attr_string['db.system']), '/', if(attr_string['db.namespace'] != '', attr_string['db.namespace'], attr_string['db.name'])), if(attr_string['db.system.name'] != '', attr_string['db.system.name'], attr_string['db.system'])),
    'database', toStartOfMinute(start), duration_ns, status_code
  FROM spans
  WHERE toStartOfMinute(start) IN (SELECT toDateTime(arrayJoin({minutes:Array(UInt32)}), 'UTC')) AND kind = 3 AND (mapContains(attr_string, 'db.system.name') OR mapContains(attr_string, 'db.system')) AND if(attr_string['db.system.name'] != '', attr_string['db.system.name'], attr_string['db.system']) != ''
)
GROUP BY client, server, connection_type, minute`,
  rollupKeys: `INSERT INTO attribute_keys
SELECT DISTINCT toDate(toDateTime({minute:UInt32}, 'UTC')), entry.1, entry.2
FROM (SELECT arrayJoin(arrayConcat(of_string, of_int, of_double, of_bool, of_other)) AS entry FROM (SELECT arrayMap(key -> (toString(key), 'string'), arrayFilter(key -> length(key) <= 256, mapKeys(attr_string))) AS of_string, arrayMap(key -> (toString(key), 'int'), arrayFilter(key -> length(key) <= 256, mapKeys(attr_int))) AS of_int, arrayMap(key -> (toString(key), 'double'), arrayFilter(key -> length(key) <= 256, mapKeys(attr_double))) AS of_double, arrayMap(key -> (toString(key), 'bool'), arrayFilter(key -> length(key) <= 256, mapKeys(attr_bool))) AS of_bool, arrayMap(key -> (toString(key), 'other'), arrayFilter(key -> length(key) <= 256, mapKeys(attr_other))) AS of_other
  FROM spans
  WHERE toStartOfMinute(start) = toDateTime({minute:UInt32}, 'UTC')
  ORDER BY toStartOfMinute(start), trace_id
  LIMIT 20000))
WHERE (SELECT uniqExact(key) FROM attribute_keys WHERE day = toDate(toDateTime({minute:UInt32}, 'UTC'))) < 10000
  AND entry NOT IN (SELECT (key, type) FROM attribute_keys WHERE day = toDate(toDateTime({minute:UInt32}, 'UTC')))
LIMIT 10000`,
  rollupValues: `INSERT INTO attribute_values
SELECT toDate(toDateTime({minute:UInt32}, 'UTC')), entry.1 AS key, entry.2 AS type, entry.3 AS value
FROM (SELECT arrayJoin(arrayConcat(of_string, of_int, of_double, of_bool)) AS entry FROM (SELECT arrayMap((key, value) -> (toString(key), 'string', toString(value)), mapKeys(mapFilter((key, value) -> length(key) <= 256 AND length(value) <= 256, attr_string)), mapValues(mapFilter((key, value) -> length(key) <= 256 AND length(value) <= 256, attr_string))) AS of_string, arrayMap((key, value) -> (toString(key), 'int', toString(value)), mapKeys(mapFilter((key, value) -> length(key) <= 256, attr_int)), mapValues(mapFilter((key, value) -> length(key) <= 256, attr_int))) AS of_int, arrayMap((key, value) -> (toString(key), 'double', toString(value)), mapKeys(mapFilter((key, value) -> length(key) <= 256, attr_double)), mapValues(mapFilter((key, value) -> length(key) <= 256, attr_double))) AS of_double, arrayMap((key, value) -> (toString(key), 'bool', toString(value)), mapKeys(mapFilter((key, value) -> length(key) <= 256, attr_bool)), mapValues(mapFilter((key, value) -> length(key) <= 256, attr_bool))) AS of_bool
  FROM spans
  WHERE toStartOfMinute(start) = toDateTime({minute:UInt32}, 'UTC')
  ORDER BY toStartOfMinute(start), trace_id
  LIMIT 20000))
WHERE key NOT IN (
    SELECT key FROM attribute_values WHERE day = toDate(toDateTime({minute:UInt32}, 'UTC')) GROUP BY key HAVING uniqExact(value) >= 1000
  )
GROUP BY key, type, value
ORDER BY count() DESC, value
LIMIT 20 BY key, type`,
  tailDecide: `INSERT INTO tail_decisions
SELECT {run:String}, multiIf(errors > 0 AND duration >= {minDuration0:Int64} AND root NOT IN (
    SELECT service, name FROM operation_minutes FINAL
    WHERE minute <= toDateTime({minute:UInt32}, 'UTC') AND minute > toDateTime({minute:UInt32}, 'UTC') - INTERVAL 1 DAY
    GROUP BY service, name
    HAVING sum(calls) >= {rarerThan0:UInt64}
  ) AND matches0 > 0 AND cityHash64(trace_id) / 18446744073709551616 < {share0:Float64}, 1, errors > 0, 2, 0), trace_id
FROM (
  SELECT trace_id,
    countIf(status_code = 2) AS errors,
    max(toUnixTimestamp64Nano(start) + greatest(duration_ns, 0)) - toUnixTimestamp64Nano(min(start)) AS duration,
    argMin((service, toString(name)), (parent_span_id != toFixedString('', 8), start, span_id)) AS root,
    countIf(service LIKE {service0:String} AND ((mapContains(attr_string, {key0_0:String}) AND toString(attr_string[{key0_0:String}]) LIKE {value0_0:String}) OR (mapContains(attr_int, {key0_0:String}) AND toString(attr_int[{key0_0:String}]) LIKE {value0_0:String}) OR (mapContains(attr_double, {key0_0:String}) AND toString(attr_double[{key0_0:String}]) LIKE {value0_0:String}) OR (mapContains(attr_bool, {key0_0:String}) AND toString(attr_bool[{key0_0:String}]) LIKE {value0_0:String}))) AS matches0
  FROM spans
  WHERE (toStartOfMinute(start), trace_id) IN (SELECT minute, trace_id FROM trace_minutes WHERE trace_id IN (SELECT trace_id FROM trace_minutes
    WHERE trace_id IN (SELECT trace_id FROM spans WHERE toStartOfMinute(start) = toDateTime({minute:UInt32}, 'UTC'))
    GROUP BY trace_id HAVING max(minute) = toDateTime({minute:UInt32}, 'UTC')))
  GROUP BY trace_id
)`,
  tailMinutes: `SELECT DISTINCT toUnixTimestamp(minute) AS minute
FROM span_minutes
WHERE minute >= toDateTime({from:UInt32}, 'UTC') AND minute < toDateTime({until:UInt32}, 'UTC')
ORDER BY minute`,
  tailOutcomes: `SELECT rule, uniqExact(trace_id) AS traces FROM tail_decisions WHERE run = {run:String} GROUP BY rule`,
  tailDays: `SELECT toString(toDate(minute)) AS day, toUnixTimestamp(min(minute)) AS first, toUnixTimestamp(max(minute)) AS last
FROM trace_minutes
WHERE trace_id IN (SELECT trace_id FROM tail_decisions WHERE run = {run:String} AND rule = 0)
GROUP BY day
ORDER BY day`,
  tailRemoveSpans: `ALTER TABLE spans DELETE IN PARTITION {day:String}
WHERE toStartOfMinute(start) >= toDateTime({first:UInt32}, 'UTC') AND toStartOfMinute(start) <= toDateTime({last:UInt32}, 'UTC')
  AND trace_id IN (SELECT trace_id FROM tail_decisions WHERE run = {run:String} AND rule = 0)`,
  tailRemoveMinutes: `ALTER TABLE trace_minutes DELETE IN PARTITION {day:String} WHERE trace_id IN (SELECT trace_id FROM tail_decisions WHERE run = {run:String} AND rule = 0)`,
  tailUnfinished: `SELECT count() AS mutations, max(latest_fail_reason) AS reason
FROM system.mutations
WHERE database = currentDatabase() AND NOT is_done AND command LIKE concat('%tail_decisions%', {run:String}, '%')`,
  tailOldRuns: `SELECT partition AS run
FROM system.parts
WHERE database = currentDatabase() AND table = 'tail_decisions' AND active
GROUP BY partition
HAVING partition = {run:String} OR max(modification_time) <= now() - toIntervalDay({days:UInt32})`,
  foldedServices: `SELECT DISTINCT service
FROM operation_minutes
WHERE name = {other:String} AND minute > now() - INTERVAL 1 DAY
ORDER BY service
LIMIT {limit:UInt32}`,
  fullKeys: `SELECT key
FROM attribute_values
WHERE day = today()
GROUP BY key
HAVING uniqExact(value) >= {most:UInt32}
ORDER BY key
LIMIT {limit:UInt32}`,
  keyCount: `SELECT uniqExact(key) AS keys FROM attribute_keys WHERE day = today()`,
};

/** The text of every statement that the server generates, as it was reviewed. */
export const snapshots: Readonly<Record<string, string>> = {
  services: `SELECT DISTINCT service FROM operations ORDER BY service`,
  operations: `SELECT DISTINCT name FROM operations WHERE service = {service:String} ORDER BY name`,
  onResources: `SELECT [max(((mapContains(attr_string, {key0:String}) AND attr_string[{key0:String}] = {string0:String}) OR (mapContains(attr_int, {key0:String}) AND attr_int[{key0:String}] = {int0:Int64}) OR (mapContains(attr_double, {key0:String}) AND attr_double[{key0:String}] = {double0:Float64}))),
  max(((mapContains(attr_string, {key1:String}) AND attr_string[{key1:String}] = {string1:String}) OR (mapContains(attr_bool, {key1:String}) AND attr_bool[{key1:String}] = {bool1:Bool})))] AS holds
FROM resources`,
  match: `SELECT lower(hex(trace_id)) AS id, toUnixTimestamp64Milli(max(start)) AS newestMs
FROM spans
WHERE start >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
  AND start < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
  AND service = {service:String}
  AND name = {operation:String}
  AND duration_ns >= {minDuration:Int64}
  AND duration_ns <= {maxDuration:Int64}
  AND ((mapContains(attr_string, {key0:String}) AND attr_string[{key0:String}] = {string0:String}) OR (mapContains(attr_int, {key0:String}) AND attr_int[{key0:String}] = {int0:Int64}) OR (mapContains(attr_double, {key0:String}) AND attr_double[{key0:String}] = {double0:Float64}))
  AND (((mapContains(attr_string, {key1:String}) AND attr_string[{key1:String}] = {string1:String}) OR (mapContains(attr_bool, {key1:String}) AND attr_bool[{key1:String}] = {bool1:Bool}))
    OR (resource_hash IN (SELECT resource_hash FROM resources WHERE ((mapContains(attr_string, {key1:String}) AND attr_string[{key1:String}] = {string1:String}) OR (mapContains(attr_bool, {key1:String}) AND attr_bool[{key1:String}] = {bool1:Bool})))
      AND NOT mapContains(attr_string, {key1:String}) AND NOT mapContains(attr_int, {key1:String}) AND NOT mapContains(attr_double, {key1:String}) AND NOT mapContains(attr_bool, {key1:String}) AND NOT mapContains(attr_other, {key1:String})))
  AND trace_id NOT IN (SELECT toFixedString(unhex(arrayJoin({known:Array(String)})), 16))
GROUP BY trace_id
ORDER BY max(start) DESC, trace_id
LIMIT {limit:UInt32}`,
  summary: `SELECT lower(hex(trace_id)) AS traceId,
  argMin(service, (parent_span_id != toFixedString('', 8), start, span_id)) AS rootService,
  argMin(name, (parent_span_id != toFixedString('', 8), start, span_id)) AS rootName,
  toString(toUnixTimestamp64Nano(min(start))) AS startNs,
  max(toUnixTimestamp64Nano(start) + duration_ns) - toUnixTimestamp64Nano(min(start)) AS durationNs,
  count() AS spanCount,
  countIf(status_code = 2) AS errorCount,
  arraySort(entry -> (-entry.2, entry.1), CAST(sumMap(map(toString(service), toUInt64(1))), 'Array(Tuple(String, UInt64))')) AS services
FROM spans
WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({traceIds:Array(String)})), 16))
  AND toStartOfMinute(start) IN (SELECT minute FROM trace_minutes WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({traceIds:Array(String)})), 16)))
GROUP BY trace_id`,
  resources: `SELECT DISTINCT toString(resource_hash) AS hash
FROM spans
WHERE trace_id IN (toFixedString(unhex({traceId:String}), 16))
  AND toStartOfMinute(start) IN (SELECT minute FROM trace_minutes WHERE trace_id IN (toFixedString(unhex({traceId:String}), 16)))`,
  trace: `SELECT spans.trace_id AS trace_id, spans.span_id AS span_id, spans.parent_span_id AS parent_span_id, spans.trace_state AS trace_state, spans.flags AS flags, spans.name AS name, spans.kind AS kind, spans.start AS start, spans.duration_ns AS duration_ns, spans.status_code AS status_code, spans.status_message AS status_message, spans.service AS service, spans.resource_hash AS resource_hash, spans.scope_name AS scope_name, spans.scope_version AS scope_version, spans.scope_attributes AS scope_attributes, spans.attr_string AS attr_string, spans.attr_int AS attr_int, spans.attr_double AS attr_double, spans.attr_bool AS attr_bool, spans.attr_other AS attr_other, spans.dropped_attributes_count AS dropped_attributes_count, spans.event_time AS event_time, spans.event_name AS event_name, spans.event_attributes AS event_attributes, spans.event_dropped_attributes_count AS event_dropped_attributes_count, spans.dropped_events_count AS dropped_events_count, spans.link_trace_id AS link_trace_id, spans.link_span_id AS link_span_id, spans.link_trace_state AS link_trace_state, spans.link_flags AS link_flags, spans.link_attributes AS link_attributes, spans.link_dropped_attributes_count AS link_dropped_attributes_count, spans.dropped_links_count AS dropped_links_count,
  toLowCardinality(owners.attributes) AS resource_attributes
FROM spans
LEFT ANY JOIN (
  SELECT resource_hash, attributes FROM resources WHERE resource_hash IN {resourceHashes:Array(UInt64)}
) AS owners ON spans.resource_hash = owners.resource_hash
WHERE trace_id IN (toFixedString(unhex({traceId:String}), 16))
  AND toStartOfMinute(start) IN (SELECT minute FROM trace_minutes WHERE trace_id IN (toFixedString(unhex({traceId:String}), 16)))
ORDER BY spans.start, spans.span_id`,
  tables: `SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes
FROM system.parts
WHERE active AND database = currentDatabase()
GROUP BY table
ORDER BY table`,
  times: `SELECT count() AS spans,
  toString(toUnixTimestamp64Nano(min(start))) AS oldestNs,
  toString(toUnixTimestamp64Nano(max(start))) AS newestNs
FROM spans`,
};

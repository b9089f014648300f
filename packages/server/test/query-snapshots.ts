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
  resources: `SELECT resource_hash, attributes
FROM resources
WHERE resource_hash IN (
  SELECT resource_hash FROM spans WHERE trace_id IN (toFixedString(unhex({traceId:String}), 16))
  AND toStartOfMinute(start) IN (SELECT minute FROM trace_minutes WHERE trace_id IN (toFixedString(unhex({traceId:String}), 16)))
)
LIMIT 1 BY resource_hash`,
  trace: `SELECT trace_id, span_id, parent_span_id, trace_state, flags, name, kind, start, duration_ns, status_code, status_message, service, resource_hash, scope_name, scope_version, scope_attributes, attr_string, attr_int, attr_double, attr_bool, attr_other, dropped_attributes_count, event_time, event_name, event_attributes, event_dropped_attributes_count, dropped_events_count, link_trace_id, link_span_id, link_trace_state, link_flags, link_attributes, link_dropped_attributes_count, dropped_links_count
FROM spans
WHERE trace_id IN (toFixedString(unhex({traceId:String}), 16))
  AND toStartOfMinute(start) IN (SELECT minute FROM trace_minutes WHERE trace_id IN (toFixedString(unhex({traceId:String}), 16)))
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
};

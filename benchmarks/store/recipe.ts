/**
 * The spans of Jaeger's benchmark of its ClickHouse storage, made inside the engine: ten spans a trace, eleven string
 * attributes a span from 97 keys and 1,000 values. The generator there counts keys and values up; here they are drawn at
 * random, which no compression can see through. Twenty services with ten operations each; a thousand spans a second.
 */
export const spansPerTrace = 10;
export const spansPerSecond = 1_000;
export const firstStartMs = 1_763_900_000_000;

const nsPerTrace = (spansPerTrace / spansPerSecond) * 1e9;

/** Rows `[first, first + count)` of the recipe into `spans`, with SQL alone. */
export function insertRecipe(first: number, count: number): string {
  return `INSERT INTO spans (trace_id, span_id, parent_span_id, flags, name, kind, start, duration_ns, status_code,
  service, resource_hash, scope_name, scope_version, attr_string)
WITH intDiv(number, ${spansPerTrace}) AS trace, number % ${spansPerTrace} AS place,
  cityHash64(trace, place, 2) % 20 AS service_number, cityHash64(number, 5) % 97 AS first_key
SELECT sipHash128(trace, 1), ${spanId('number')}, if(place = 0, toFixedString('', 8), ${spanId(`trace * ${spansPerTrace}`)}), 257,
  concat('operation-', toString(service_number), '-', toString(cityHash64(trace, place, 3) % 10)), if(place = 0, 2, 3),
  fromUnixTimestamp64Nano(toInt64(${firstStartMs}000000 + trace * ${nsPerTrace} + place * 1000000 + cityHash64(number, 9) % 900000), 'UTC'),
  toInt64(if(place = 0, 1e7, 1e5) + exp(9 + cityHash64(number, 11) % 1000 / 120)), if(cityHash64(number, 13) % 100 = 0, 2, 0),
  concat('service-', toString(service_number)), cityHash64(service_number), 'recipe', '1.0',
  mapFromArrays(
    arrayMap(i -> concat('attr_', leftPad(toString((first_key + i * 8) % 97), 2, '0')), range(11)),
    arrayMap(i -> concat('val_', leftPad(toString(cityHash64(number, i, 20) % 1000), 3, '0')), range(11)))
FROM numbers(${first}, ${count})`;
}

function spanId(number: string): string {
  return `toFixedString(reinterpretAsString(cityHash64(${number}, 7)), 8)`;
}

/** The id of a trace of the recipe, by its number. */
export function selectTraceId(trace: number): string {
  return `SELECT lower(hex(sipHash128(toUInt64(${trace}), 1))) AS id`;
}

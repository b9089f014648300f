-- One row a span. Ids are raw bytes; times are nanoseconds since the epoch; attributes keep their OTLP type, one Map a
-- scalar type, and what is not a scalar (array, map, bytes, empty) is kept as the bytes of its OTLP AnyValue.
-- `*_attributes` columns of String hold the bytes of an OTLP KeyValueList, types and order kept.
CREATE TABLE IF NOT EXISTS spans
(
    trace_id FixedString(16),
    span_id FixedString(8),
    parent_span_id FixedString(8),
    trace_state String,
    flags UInt32,
    name LowCardinality(String),
    kind UInt8,
    start DateTime64(9, 'UTC'),
    duration_ns Int64,
    status_code UInt8,
    status_message String,
    service LowCardinality(String),
    resource_hash UInt64,
    scope_name LowCardinality(String),
    scope_version LowCardinality(String),
    scope_attributes LowCardinality(String),
    attr_string Map(LowCardinality(String), String),
    attr_int Map(LowCardinality(String), Int64),
    attr_double Map(LowCardinality(String), Float64),
    attr_bool Map(LowCardinality(String), Bool),
    attr_other Map(LowCardinality(String), String),
    dropped_attributes_count UInt32,
    event_time Array(DateTime64(9, 'UTC')),
    event_name Array(LowCardinality(String)),
    event_attributes Array(String),
    event_dropped_attributes_count Array(UInt32),
    dropped_events_count UInt32,
    link_trace_id Array(FixedString(16)),
    link_span_id Array(FixedString(8)),
    link_trace_state Array(String),
    link_flags Array(UInt32),
    link_attributes Array(String),
    link_dropped_attributes_count Array(UInt32),
    dropped_links_count UInt32,
    PROJECTION by_trace (SELECT _part_offset ORDER BY trace_id)
)
ENGINE = MergeTree
PARTITION BY toDate(start)
ORDER BY (service, name, toStartOfMinute(start))
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- A resource is stored once and referred to by the hash of its bytes.
CREATE TABLE IF NOT EXISTS resources
(
    resource_hash UInt64,
    service LowCardinality(String),
    attributes String,
    attr_string Map(LowCardinality(String), String),
    attr_int Map(LowCardinality(String), Int64),
    attr_double Map(LowCardinality(String), Float64),
    attr_bool Map(LowCardinality(String), Bool),
    attr_other Map(LowCardinality(String), String)
)
ENGINE = ReplacingMergeTree
ORDER BY resource_hash
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

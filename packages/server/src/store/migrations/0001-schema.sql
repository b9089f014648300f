-- One row a span. Ids are raw bytes; times are nanoseconds since the epoch; attributes keep their OTLP type, one Map a
-- scalar type, and what is not a scalar (array, map, bytes, empty) is kept as the bytes of its OTLP AnyValue.
-- `*_attributes` columns of String hold the bytes of an OTLP KeyValueList, types and order kept.
--
-- Sorted by minute, then trace: the spans of a trace lie side by side, so its ids cost next to nothing, and it is read in
-- one piece; a search that begins with the newest minutes can stop early. The indexes of values find the granules that may
-- hold one that is rare: an order, a user. Granules are small, as a trace is a few rows of one. docs/adr/0005 has the
-- measurements.
CREATE TABLE IF NOT EXISTS spans
(
    trace_id FixedString(16) CODEC(ZSTD(1)),
    span_id FixedString(8) CODEC(NONE),
    parent_span_id FixedString(8) CODEC(ZSTD(1)),
    trace_state String,
    flags UInt32 CODEC(ZSTD(1)),
    name LowCardinality(String) CODEC(ZSTD(1)),
    kind UInt8 CODEC(ZSTD(1)),
    start DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    duration_ns Int64 CODEC(T64, ZSTD(1)),
    status_code UInt8 CODEC(ZSTD(1)),
    status_message String CODEC(ZSTD(3)),
    service LowCardinality(String) CODEC(ZSTD(1)),
    resource_hash UInt64 CODEC(ZSTD(1)),
    scope_name LowCardinality(String) CODEC(ZSTD(1)),
    scope_version LowCardinality(String) CODEC(ZSTD(1)),
    scope_attributes LowCardinality(String) CODEC(ZSTD(1)),
    attr_string Map(LowCardinality(String), String) CODEC(ZSTD(3)),
    attr_int Map(LowCardinality(String), Int64) CODEC(ZSTD(1)),
    attr_double Map(LowCardinality(String), Float64) CODEC(ZSTD(1)),
    attr_bool Map(LowCardinality(String), Bool) CODEC(ZSTD(1)),
    attr_other Map(LowCardinality(String), String) CODEC(ZSTD(3)),
    dropped_attributes_count UInt32,
    event_time Array(DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    event_name Array(LowCardinality(String)) CODEC(ZSTD(1)),
    event_attributes Array(String) CODEC(ZSTD(3)),
    event_dropped_attributes_count Array(UInt32),
    dropped_events_count UInt32,
    link_trace_id Array(FixedString(16)),
    link_span_id Array(FixedString(8)),
    link_trace_state Array(String),
    link_flags Array(UInt32),
    link_attributes Array(String) CODEC(ZSTD(3)),
    link_dropped_attributes_count Array(UInt32),
    dropped_links_count UInt32,
    INDEX attr_string_index mapValues(attr_string) TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX attr_int_index mapValues(attr_int) TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX attr_double_index mapValues(attr_double) TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX service_index service TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX name_index name TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX duration_index duration_ns TYPE minmax GRANULARITY 4
)
ENGINE = MergeTree
PARTITION BY toDate(start)
ORDER BY (toStartOfMinute(start), trace_id)
SETTINGS index_granularity = 2048, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- The minutes in which spans of a trace start: where to find it. Right for traces that last for days, and for late spans.
CREATE TABLE IF NOT EXISTS trace_minutes
(
    trace_id FixedString(16) CODEC(NONE),
    minute DateTime('UTC') CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(minute)
ORDER BY (trace_id, minute)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS trace_minutes_of_spans TO trace_minutes AS
SELECT DISTINCT trace_id, toStartOfMinute(start) AS minute FROM spans;

-- The services and the names of their spans, day by day.
CREATE TABLE IF NOT EXISTS operations
(
    day Date,
    service LowCardinality(String),
    name LowCardinality(String),
    kind UInt8
)
ENGINE = ReplacingMergeTree
PARTITION BY day
ORDER BY (service, name, kind)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS operations_of_spans TO operations AS
SELECT DISTINCT toDate(start) AS day, service, name, kind FROM spans;

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

-- What is computed from spans, minute by minute, by the job in rollup/: not by views, since a view cannot join a span with
-- its parent, and since its sums would be wrong after an insert that is repeated. docs/adr/0008 has the reasons.
--
-- A minute is computed anew, all of it by one statement, whenever spans of it have come; the row with the newest generation
-- counts. Names that were counted by themselves before and with others now keep a row with an older one.

-- When spans of a minute were inserted last.
CREATE TABLE IF NOT EXISTS span_minutes
(
    minute DateTime('UTC') CODEC(ZSTD(1)),
    noted DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(noted)
PARTITION BY toDate(minute)
ORDER BY minute
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS span_minutes_of_spans TO span_minutes AS
SELECT DISTINCT toStartOfMinute(start) AS minute, now64(3, 'UTC') AS noted FROM spans;

-- When a minute was computed last.
CREATE TABLE IF NOT EXISTS rollups
(
    minute DateTime('UTC') CODEC(ZSTD(1)),
    generation DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(generation)
PARTITION BY toDate(minute)
ORDER BY minute
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Rate, errors, duration. A bucket i counts durations above 2^((i-1)/8) up to 2^(i/8) ns; bucket 0 those up to 1 ns.
CREATE TABLE IF NOT EXISTS operation_minutes
(
    service LowCardinality(String) CODEC(ZSTD(1)),
    name LowCardinality(String) CODEC(ZSTD(1)),
    kind UInt8 CODEC(ZSTD(1)),
    minute DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    generation DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    calls UInt64 CODEC(T64, ZSTD(1)),
    errors UInt64 CODEC(T64, ZSTD(1)),
    duration_ns Float64 CODEC(ZSTD(1)),
    duration_buckets Map(UInt16, UInt64) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(generation)
PARTITION BY toDate(minute)
ORDER BY (service, name, kind, minute)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Calls from service to service. A database that sends no spans is told by its clients.
CREATE TABLE IF NOT EXISTS service_edges
(
    client LowCardinality(String),
    server LowCardinality(String),
    connection_type LowCardinality(String),
    minute DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    generation DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    calls UInt64 CODEC(T64, ZSTD(1)),
    errors UInt64 CODEC(T64, ZSTD(1)),
    duration_ns Float64 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(generation)
PARTITION BY toDate(minute)
ORDER BY (client, server, connection_type, minute)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Attributes of spans, for completion.
CREATE TABLE IF NOT EXISTS attribute_keys
(
    day Date,
    key String,
    type LowCardinality(String)
)
ENGINE = ReplacingMergeTree
PARTITION BY day
ORDER BY (key, type)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS attribute_values
(
    day Date,
    key String,
    type LowCardinality(String),
    value String
)
ENGINE = ReplacingMergeTree
PARTITION BY day
ORDER BY (key, type, value)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Spans that were stored before these tables were there.
INSERT INTO span_minutes SELECT DISTINCT minute, now64(3, 'UTC') FROM trace_minutes SETTINGS max_partitions_per_insert_block = 0;

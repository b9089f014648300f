-- What OTLP says of a resource and of an instrumentation scope beside their attributes.
ALTER TABLE resources
    ADD COLUMN IF NOT EXISTS schema_url LowCardinality(String),
    ADD COLUMN IF NOT EXISTS dropped_attributes_count UInt32;

ALTER TABLE spans
    ADD COLUMN IF NOT EXISTS scope_dropped_attributes_count UInt32 CODEC(ZSTD(1)) AFTER scope_attributes,
    ADD COLUMN IF NOT EXISTS scope_schema_url LowCardinality(String) CODEC(ZSTD(1)) AFTER scope_dropped_attributes_count;

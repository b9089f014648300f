-- Few spans have arrays and maps. A search for a value looks for it in those, too, and with this reads no granule without
-- its key. Spans from before have no such index until they are merged.
ALTER TABLE spans
    ADD INDEX IF NOT EXISTS attr_other_index mapKeys(attr_other) TYPE bloom_filter(0.01) GRANULARITY 4;

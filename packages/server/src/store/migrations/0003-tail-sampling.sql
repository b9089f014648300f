-- What tail sampling has decided of the traces that it is about to remove, see retain/tail-sampling.ts: the place of the
-- rule that keeps a trace, from 1, or 0 for none. Emptied when they are gone.
CREATE TABLE IF NOT EXISTS trace_decisions
(
    rule UInt8,
    trace_id FixedString(16)
)
ENGINE = MergeTree
ORDER BY (rule, trace_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

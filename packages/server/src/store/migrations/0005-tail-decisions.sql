-- What a server's tail sampling has decided, see retain/tail-sampling.ts: the place of the rule that keeps a trace, from 1,
-- or 0 for none. Servers that share a database each have a partition, which they drop before they decide anew.
CREATE TABLE IF NOT EXISTS tail_decisions
(
    run String,
    rule UInt8,
    trace_id FixedString(16)
)
ENGINE = MergeTree
PARTITION BY run
ORDER BY (rule, trace_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- A removal under way is finished as it was decided. The old table stays, empty: a mutation of the engine may still read it.
INSERT INTO tail_decisions SELECT 'shared', rule, trace_id FROM trace_decisions;

TRUNCATE TABLE trace_decisions;

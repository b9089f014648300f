-- When a resource came last, by the engine's clock: it is inserted again with each segment of spans, see
-- retain/orphaned-resources.ts.
ALTER TABLE resources
    ADD COLUMN IF NOT EXISTS stored DateTime('UTC') DEFAULT now();

-- Without this, rows from before would be of the moment at which they are read.
ALTER TABLE resources MATERIALIZE COLUMN stored;

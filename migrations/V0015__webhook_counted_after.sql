-- Whether too much waits for an endpoint is judged by what came after this delivery: what waited already when an operator enabled it, or sent
-- it again, does not count against it.
ALTER TABLE webhook_endpoints ADD COLUMN counted_after BIGINT NOT NULL DEFAULT 0;

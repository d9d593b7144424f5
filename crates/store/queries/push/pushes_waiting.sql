-- Counted up to a limit: a gauge need not cost more the more there is.
SELECT count(*) FROM (SELECT 1 FROM push_jobs WHERE state <> 'SHOWN' LIMIT 100000) waiting

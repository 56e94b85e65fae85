-- grown --
-- Rows of core are found by key. Their texts, most of what an analysis reads, wait for autovacuum, which still comes: an
-- analysis of some columns does not count as one.
SELECT s.schemaname || '.' || s.relname AS name, CASE s.schemaname WHEN 'core' THEN k.columns ELSE '{}' END AS columns
FROM pg_stat_user_tables AS s JOIN pg_class AS c ON c.oid = s.relid
CROSS JOIN LATERAL (
    SELECT array_agg(DISTINCT a.attname::text) AS columns
    FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = s.relid
) AS k
WHERE s.schemaname || '.' || s.relname = ANY (%(tables)s)
    AND s.n_live_tup - greatest(c.reltuples, 0) >= greatest(%(enough)s::integer, c.reltuples / 2)

-- parts_have_grown --
-- Have the records of all providers grown by half since they were analyzed together?
SELECT coalesce(sum(c.reltuples), 0) >= 1.5 * greatest(p.reltuples, 1) AS grown
FROM pg_class AS p
LEFT JOIN pg_inherits AS i ON i.inhparent = p.oid
LEFT JOIN pg_class AS c ON c.oid = i.inhrelid AND c.reltuples > 0
WHERE p.oid = 'capture.sync_record'::regclass
GROUP BY p.reltuples

-- grown --
SELECT s.schemaname || '.' || s.relname
FROM pg_stat_user_tables AS s JOIN pg_class AS c ON c.oid = s.relid
WHERE s.schemaname || '.' || s.relname = ANY (%(tables)s)
    AND s.n_mod_since_analyze >= greatest(%(enough)s::integer, c.reltuples / 2)

-- parts_have_grown --
-- Have the records of all providers grown by half since they were analyzed together?
SELECT coalesce(sum(c.reltuples), 0) >= 1.5 * greatest(p.reltuples, 1) AS grown
FROM pg_class AS p
LEFT JOIN pg_inherits AS i ON i.inhparent = p.oid
LEFT JOIN pg_class AS c ON c.oid = i.inhrelid AND c.reltuples > 0
WHERE p.oid = 'capture.sync_record'::regclass
GROUP BY p.reltuples

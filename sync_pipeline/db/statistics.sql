-- grown --
SELECT s.schemaname || '.' || s.relname
FROM pg_stat_user_tables AS s JOIN pg_class AS c ON c.oid = s.relid
WHERE s.schemaname || '.' || s.relname = ANY (%(tables)s)
    AND s.n_mod_since_analyze >= greatest(%(enough)s::integer, c.reltuples / 2)

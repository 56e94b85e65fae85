-- tables_without_a_write --
-- Those of some tables of which this transaction inserted, updated and deleted no row, their partitions included.
SELECT t.name FROM unnest(%(tables)s::text []) AS t (name)
WHERE NOT EXISTS (
    SELECT 1 FROM (
        SELECT p.relid::oid AS oid FROM pg_partition_tree(to_regclass(t.name)) AS p
        UNION
        SELECT to_regclass(t.name)::oid) AS f
    WHERE pg_stat_get_xact_tuples_inserted(f.oid) + pg_stat_get_xact_tuples_updated(f.oid)
        + pg_stat_get_xact_tuples_deleted(f.oid) > 0)
    AND to_regclass(t.name) IS NOT NULL
ORDER BY 1;

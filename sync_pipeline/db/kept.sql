-- kept_tables --
-- Every table that holds an organization's data: its columns by number (what is generated is computed again), the
-- columns of its primary key, and the files of it and its partitions, which a rewrite or TRUNCATE replaces.
SELECT
    c.oid::bigint AS oid,
    quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
    (SELECT jsonb_object_agg(a.attnum, quote_ident(a.attname)) FROM pg_attribute AS a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
    (SELECT i.indkey::int [] FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary) AS key,
    (SELECT array_agg(f.relid::oid::text || ':' || pg_relation_filenode(f.relid)) FROM (
        SELECT p.relid FROM pg_partition_tree(c.oid) AS p WHERE p.isleaf
        UNION
        SELECT c.oid::regclass WHERE c.relkind = 'r') AS f) AS files
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = ANY (%(schemas)s)
    AND EXISTS (SELECT 1 FROM pg_attribute AS o WHERE o.attrelid = c.oid AND o.attname = 'org_id' AND NOT o.attisdropped);

-- tables_locked_for_writing --
-- The tables whose rows this transaction may have changed: whoever does holds this lock until the transaction ends.
SELECT DISTINCT coalesce(pg_partition_root(l.relation), l.relation)::oid::bigint
FROM pg_locks AS l
WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.mode = 'RowExclusiveLock'
    AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database());

-- rows_gone --
-- How many of the rows that each organization had of one table are there no longer.
SELECT b.org_id, count(*) AS gone FROM kept_row AS b
WHERE b.relation = %(relation)s
    AND NOT EXISTS (SELECT 1 FROM row_now AS a WHERE a.org_id = b.org_id AND a.key = b.key)
GROUP BY b.org_id;

-- values_kept --
-- How many values each column of one table had, by its place among the columns; the place 0 counts the rows.
SELECT b.org_id, 0 AS place, count(*) AS had FROM kept_row AS b
WHERE b.relation = %(relation)s GROUP BY b.org_id
UNION ALL
SELECT b.org_id, i, count(b.hashes[i]) FROM kept_row AS b CROSS JOIN generate_series(1, %(columns)s) AS i
WHERE b.relation = %(relation)s GROUP BY b.org_id, i;

-- values_changed --
-- Of the rows that are still there: how many values of each column are gone, are another, or are where there was none.
SELECT
    b.org_id, i AS place,
    count(*) FILTER (WHERE a.hashes[i] IS NULL) AS emptied,
    count(*) FILTER (WHERE b.hashes[i] <> a.hashes[i]) AS rewritten,
    count(*) FILTER (WHERE b.hashes[i] IS NULL) AS filled
FROM kept_row AS b
JOIN row_now AS a ON a.org_id = b.org_id AND a.key = b.key AND a.hashes <> b.hashes
CROSS JOIN generate_series(1, %(columns)s) AS i
WHERE b.relation = %(relation)s AND b.hashes[i] IS DISTINCT FROM a.hashes[i]
GROUP BY b.org_id, i ORDER BY b.org_id, i;

-- kept_table --
-- The table of kept rows, and what could make it show others: a policy, a rule, an heir.
SELECT c.oid::bigint, c.relkind::text, c.relrowsecurity, c.relhasrules, c.relhassubclass
FROM pg_class AS c WHERE c.oid = to_regclass('pg_temp.kept_row');

-- kept_checksum --
SELECT count(*), bit_xor(hashtextextended(k::text, 0)) FROM kept_row AS k;

-- relations_by_oid --
-- Tables, views and sequences of ours by oid; `counted`: a table whose rows are counted, a partitioned one once.
SELECT c.oid::bigint AS oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
    c.relkind IN ('r', 'p') AND NOT c.relispartition AS counted,
    EXISTS (SELECT 1 FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped) AS by_org,
    row_security_active(c.oid) AS guarded
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND n.nspname = ANY (%(schemas)s)
ORDER BY 2;

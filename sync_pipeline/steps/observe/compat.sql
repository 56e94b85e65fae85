-- compat_views --
SELECT count(*) FROM pg_catalog.pg_class
WHERE relkind = 'v' AND relnamespace = 'compat'::regnamespace

-- compat_agrees --
-- Columns that a legacy view lacks, or has and its core table does not. The same for every organization.
WITH pair AS (
    SELECT DISTINCT v.oid AS view_oid, v.relname AS view, t.oid AS base_oid, t.relname AS base
    FROM pg_catalog.pg_class AS v
    INNER JOIN pg_catalog.pg_namespace AS vn ON vn.oid = v.relnamespace AND vn.nspname = 'compat'
    INNER JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = v.oid
    INNER JOIN pg_catalog.pg_depend AS d
        ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
        AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> v.oid
    INNER JOIN pg_catalog.pg_class AS t ON t.oid = d.refobjid
    INNER JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace AND tn.nspname = 'core'
    WHERE v.relkind = 'v'
),
field AS (
    SELECT p.view, p.base, a.attname, a.attrelid = p.base_oid AS in_core
    FROM pair AS p
    INNER JOIN pg_catalog.pg_attribute AS a ON a.attrelid IN (p.base_oid, p.view_oid)
    WHERE a.attnum > 0 AND NOT a.attisdropped
)
SELECT
    'core.' || one.base AS place, count(*) AS found,
    (array_agg('compat.' || one.view || '.' || one.attname)) [1:100] AS sample
FROM (SELECT view, base, attname FROM field GROUP BY view, base, attname HAVING count(*) = 1) AS one
GROUP BY 1

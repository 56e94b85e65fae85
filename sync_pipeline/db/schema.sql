-- schema_objects --
-- Everything that a schema is made of, a row each: what it is, and its definition. Columns are not in their order: a
-- revision adds one at the end of its table.
WITH ours AS (
    SELECT n.oid, n.nspname FROM pg_namespace AS n WHERE n.nspname = ANY (%(schemas)s)
),
relation AS (
    SELECT c.*, o.nspname || '.' || c.relname AS name FROM pg_class AS c JOIN ours AS o ON o.oid = c.relnamespace
)
SELECT CASE r.relkind WHEN 'v' THEN 'view ' ELSE 'table ' END || r.name AS object,
    concat_ws(' ', CASE r.relkind WHEN 'v' THEN pg_get_viewdef(r.oid) END, r.reloptions::text, r.relpersistence::text,
        CASE WHEN r.relrowsecurity THEN 'row security' END, CASE WHEN r.relforcerowsecurity THEN 'forced' END,
        pg_get_partkeydef(r.oid), pg_get_expr(r.relpartbound, r.oid)) AS definition
FROM relation AS r WHERE r.relkind IN ('r', 'p', 'v')
UNION ALL
SELECT 'column ' || r.name || '.' || a.attname,
    concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
        nullif(a.attidentity::text, ''), nullif(a.attgenerated::text, ''), pg_get_expr(d.adbin, d.adrelid), l.collname)
FROM relation AS r
JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
WHERE r.relkind IN ('r', 'p')
UNION ALL
SELECT 'constraint ' || k.conname || ' of ' || r.name, pg_get_constraintdef(k.oid)
FROM relation AS r JOIN pg_constraint AS k ON k.conrelid = r.oid AND k.contype <> 'n'
UNION ALL
SELECT 'index ' || i.indexrelid::regclass, pg_get_indexdef(i.indexrelid)
FROM relation AS r JOIN pg_index AS i ON i.indrelid = r.oid AND i.indisvalid
UNION ALL
SELECT 'trigger ' || t.tgname || ' of ' || r.name, t.tgenabled::text || ' ' || pg_get_triggerdef(t.oid)
FROM relation AS r JOIN pg_trigger AS t ON t.tgrelid = r.oid AND NOT t.tgisinternal
UNION ALL
SELECT 'policy ' || p.polname || ' of ' || r.name,
    concat_ws(' ', p.polcmd::text, p.polpermissive, pg_get_expr(p.polqual, p.polrelid),
        pg_get_expr(p.polwithcheck, p.polrelid))
FROM relation AS r JOIN pg_policy AS p ON p.polrelid = r.oid
UNION ALL
SELECT 'function ' || f.oid::regprocedure, pg_get_functiondef(f.oid)
FROM pg_proc AS f JOIN ours AS o ON o.oid = f.pronamespace WHERE f.prokind IN ('f', 'p')
UNION ALL
SELECT 'right of ' || pg_get_userbyid(g.grantee) || ' to ' || g.privilege_type || ' on ' || r.name, ''
FROM relation AS r CROSS JOIN LATERAL aclexplode(r.relacl) AS g
WHERE r.relkind IN ('r', 'p', 'v') AND pg_get_userbyid(g.grantee) = ANY (%(roles)s);

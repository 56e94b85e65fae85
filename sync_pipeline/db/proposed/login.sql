-- lendable_relations --
-- Tables, views and sequences that a proposed migration may change, with the word that ALTER has for their kind. Sequences of
-- identity columns follow their tables.
SELECT c.oid::bigint AS oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
    CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (%(schemas)s) AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
    AND n.nspname || '.' || c.relname <> ALL (%(kept)s)
    AND NOT EXISTS (
        SELECT 1 FROM pg_depend AS d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
            AND d.deptype IN ('a', 'i') AND c.relkind = 'S')
ORDER BY c.oid;

-- lendable_others --
-- Functions and types that a proposed migration may replace. Those that run with their owner's rights stay the owner's.
SELECT 'ROUTINE ' || p.oid::regprocedure::text AS object
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname = ANY (%(schemas)s) AND p.prokind IN ('f', 'p') AND NOT p.prosecdef
UNION ALL
SELECT 'TYPE ' || t.oid::regtype::text
FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
LEFT JOIN pg_class AS c ON c.oid = t.typrelid
WHERE n.nspname = ANY (%(schemas)s) AND (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND c.relkind = 'c'));

-- default_rights --
-- What the owner's new objects are granted to others by default, schema by schema.
SELECT quote_ident(n.nspname) AS schema, CASE a.defaclobjtype WHEN 'r' THEN 'TABLES' ELSE 'SEQUENCES' END AS objects,
    string_agg(g.privilege_type, ', ') AS rights, quote_ident(pg_get_userbyid(g.grantee)) AS grantee
FROM pg_default_acl AS a
JOIN pg_namespace AS n ON n.oid = a.defaclnamespace
CROSS JOIN LATERAL aclexplode(a.defaclacl) AS g
WHERE n.nspname = ANY (%(schemas)s) AND a.defaclobjtype IN ('r', 'S') AND g.grantee NOT IN (0, a.defaclrole)
GROUP BY n.nspname, a.defaclobjtype, g.grantee;

-- other_objects --
-- What the schema check (db/schema.sql) does not look at, a row each: what it is, and what would make it another. `kind` is
-- `made` for what a proposal may make, else what it is.
WITH ours AS (
    SELECT n.oid, n.nspname FROM pg_namespace AS n WHERE n.nspname = ANY (%(schemas)s)
),
relation AS (
    SELECT c.*, o.nspname || '.' || c.relname AS name FROM pg_class AS c JOIN ours AS o ON o.oid = c.relnamespace
),
added AS (
    SELECT 'pg_cast'::regclass AS class, t.oid FROM pg_cast AS t
    UNION ALL SELECT 'pg_operator'::regclass, t.oid FROM pg_operator AS t
    UNION ALL SELECT 'pg_opclass'::regclass, t.oid FROM pg_opclass AS t
    UNION ALL SELECT 'pg_opfamily'::regclass, t.oid FROM pg_opfamily AS t
    UNION ALL SELECT 'pg_conversion'::regclass, t.oid FROM pg_conversion AS t
    UNION ALL SELECT 'pg_collation'::regclass, t.oid FROM pg_collation AS t
    UNION ALL SELECT 'pg_ts_config'::regclass, t.oid FROM pg_ts_config AS t
    UNION ALL SELECT 'pg_ts_dict'::regclass, t.oid FROM pg_ts_dict AS t
    UNION ALL SELECT 'pg_am'::regclass, t.oid FROM pg_am AS t
    UNION ALL SELECT 'pg_language'::regclass, t.oid FROM pg_language AS t
    UNION ALL SELECT 'pg_transform'::regclass, t.oid FROM pg_transform AS t
    UNION ALL SELECT 'pg_extension'::regclass, t.oid FROM pg_extension AS t
    UNION ALL SELECT 'pg_event_trigger'::regclass, t.oid FROM pg_event_trigger AS t
    UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, t.oid FROM pg_foreign_data_wrapper AS t
    UNION ALL SELECT 'pg_foreign_server'::regclass, t.oid FROM pg_foreign_server AS t
    UNION ALL SELECT 'pg_publication'::regclass, t.oid FROM pg_publication AS t
    UNION ALL SELECT 'pg_default_acl'::regclass, t.oid FROM pg_default_acl AS t
    UNION ALL SELECT 'pg_largeobject'::regclass, t.oid FROM pg_largeobject_metadata AS t
    UNION ALL SELECT 'pg_namespace'::regclass, t.oid FROM pg_namespace AS t WHERE t.nspname !~ '^pg_(toast_)?temp_'
    UNION ALL SELECT 'pg_rewrite'::regclass, t.oid FROM pg_rewrite AS t WHERE t.rulename <> '_RETURN'
    UNION ALL SELECT 'pg_proc'::regclass, t.oid FROM pg_proc AS t
        WHERE t.prokind NOT IN ('f', 'p') OR t.pronamespace NOT IN (SELECT o.oid FROM ours AS o)
    UNION ALL SELECT 'pg_class'::regclass, t.oid FROM pg_class AS t
        WHERE t.relkind IN ('f', 'm') OR (t.relkind IN ('r', 'p', 'v', 'S') AND t.relnamespace NOT IN (SELECT o.oid FROM ours AS o)
            AND NOT (t.relnamespace = pg_my_temp_schema() AND t.relname IN ('kept_row', 'row_now')))
)
SELECT i.type || ' ' || i.identity AS object, '' AS definition, i.type AS kind
FROM added AS a CROSS JOIN LATERAL pg_identify_object(a.class, a.oid, 0) AS i
WHERE a.oid >= 16384
UNION ALL
SELECT 'comment on ' || i.type || ' ' || i.identity, d.description, 'made'
FROM pg_description AS d CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) AS i
WHERE d.objoid >= 16384
UNION ALL
SELECT 'type ' || t.oid::regtype, concat_ws(' ', t.typtype::text, (
    SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum AS e WHERE e.enumtypid = t.oid),
    CASE WHEN t.typbasetype <> 0 THEN format_type(t.typbasetype, t.typtypmod) END, (
    SELECT string_agg(pg_get_constraintdef(k.oid), ', ' ORDER BY k.conname) FROM pg_constraint AS k WHERE k.contypid = t.oid), (
    SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
    FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0)), 'made'
FROM pg_type AS t JOIN ours AS o ON o.oid = t.typnamespace LEFT JOIN pg_class AS c ON c.oid = t.typrelid
WHERE t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND c.relkind = 'c')
UNION ALL
SELECT 'sequence ' || r.name, concat_ws(' ', s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcycle),
    'made'
FROM relation AS r JOIN pg_sequence AS s ON s.seqrelid = r.oid
UNION ALL
SELECT 'statistics ' || i.identity, pg_get_statisticsobjdef(t.oid), 'made'
FROM pg_statistic_ext AS t CROSS JOIN LATERAL pg_identify_object('pg_statistic_ext'::regclass, t.oid, 0) AS i
UNION ALL
SELECT 'roles of policy ' || p.polname || ' of ' || r.name, p.polroles::regrole []::text, 'made'
FROM relation AS r JOIN pg_policy AS p ON p.polrelid = r.oid
UNION ALL
SELECT 'right of ' || CASE g.grantee WHEN 0 THEN 'everybody' ELSE pg_get_userbyid(g.grantee) END || ' to '
    || g.privilege_type || ' on ' || r.name, '', 'right'
FROM relation AS r CROSS JOIN LATERAL aclexplode(r.relacl) AS g
WHERE g.grantee <> r.relowner AND (g.grantee = 0 OR pg_get_userbyid(g.grantee) <> ALL (%(roles)s))
UNION ALL
SELECT 'right of ' || CASE g.grantee WHEN 0 THEN 'everybody' ELSE pg_get_userbyid(g.grantee) END || ' to '
    || g.privilege_type || ' on ' || r.name || '.' || a.attname, '',
    CASE WHEN pg_get_userbyid(g.grantee) = ANY (%(roles)s) THEN 'made' ELSE 'right' END
FROM relation AS r JOIN pg_attribute AS a ON a.attrelid = r.oid CROSS JOIN LATERAL aclexplode(a.attacl) AS g
WHERE g.grantee <> r.relowner
UNION ALL
SELECT 'setting of ' || coalesce(s.setrole::regrole::text, '') || ' ' || s.setdatabase, s.setconfig::text, 'setting'
FROM pg_db_role_setting AS s
WHERE s.setrole = (SELECT u.oid FROM pg_roles AS u WHERE u.rolname = current_user)
    OR s.setdatabase = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database());

-- loose_views --
-- Views that read with their owner's rights: row-level security would not hold for who asks.
SELECT c.oid::regclass::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'v' AND n.nspname = ANY (%(schemas)s)
    AND NOT coalesce(c.reloptions && ARRAY['security_invoker=true', 'security_invoker=on'], false)
ORDER BY 1;

-- owner_rights_functions --
-- Functions that run with their owner's rights.
SELECT p.oid::regprocedure::text FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE p.prosecdef AND n.nspname = ANY (%(schemas)s) ORDER BY 1;

-- tables_without_org --
-- Tables that do not say whose rows they hold: whatever is copied there is everybody's.
SELECT n.nspname || '.' || c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY (%(schemas)s) AND NOT EXISTS (
    SELECT 1 FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped)
ORDER BY 1;

-- commit_triggers --
-- Triggers that can wait for the commit, which comes after everything was compared; on temporary tables, too.
SELECT t.tgname || ' of ' || t.tgrelid::regclass FROM pg_trigger AS t WHERE t.tgdeferrable AND NOT t.tgisinternal ORDER BY 1;

-- used_in_expressions --
-- Of these functions, those that something calls for whoever reads, writes or analyzes a table, the owner among them: an index,
-- a constraint, a default, a policy, statistics, a key of partitions, a type. Who calls another function, writes to a table
-- with a trigger or reads a view runs it with the own rights.
SELECT DISTINCT f.name || ' in ' || i.type || ' ' || i.identity
FROM pg_depend AS d
JOIN LATERAL (SELECT p.oid, p.oid::regprocedure::text AS name FROM pg_proc AS p WHERE p.oid = d.refobjid) AS f ON true
CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) AS i
WHERE d.refclassid = 'pg_proc'::regclass AND d.deptype IN ('n', 'a') AND f.name = ANY (%(functions)s)
    AND d.classid NOT IN ('pg_proc'::regclass, 'pg_trigger'::regclass, 'pg_rewrite'::regclass)
ORDER BY 1;

-- missing_rights --
-- The rights that the migrations' owner lacks, each with the statement that grants it: docs/deploy.md lists them. A
-- superuser lacks none.
WITH me AS (
    SELECT rolname, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user AND NOT rolsuper
)
SELECT 'create databases' AS needed, format('ALTER ROLE %%I CREATEDB', rolname) AS granted_by FROM me WHERE NOT rolcreatedb
UNION ALL
SELECT 'create roles', format('ALTER ROLE %%I CREATEROLE', rolname) FROM me WHERE NOT rolcreaterole
UNION ALL
SELECT 'give functions to the role sync_router', format('GRANT sync_router TO %%I WITH INHERIT TRUE, SET TRUE', me.rolname)
FROM me JOIN pg_roles AS r ON r.rolname = 'sync_router'
WHERE NOT pg_has_role(r.oid, 'SET') AND NOT pg_has_role(r.oid, 'USAGE WITH ADMIN OPTION')
UNION ALL
SELECT CASE r.rolname WHEN 'sync_app' THEN 'make a member of the role sync_app' ELSE 'set the password of ' || r.rolname END,
       format('GRANT %%I TO %%I WITH ADMIN OPTION', r.rolname, me.rolname)
FROM me JOIN pg_roles AS r ON r.rolname IN ('sync_app', %(login)s)
WHERE NOT pg_has_role(r.oid, 'USAGE WITH ADMIN OPTION')
UNION ALL
SELECT 'own the database', format('ALTER DATABASE %%I OWNER TO %%I', d.datname, me.rolname)
FROM me JOIN pg_database AS d ON d.datname = %(database)s
WHERE NOT pg_has_role(d.datdba, 'USAGE')

-- roles --
-- The server's roles of the pipeline: whether each is there, and whether the owner may act as it; a superuser may.
SELECT w.name, r.oid IS NOT NULL AS there, w.inherits,
       coalesce(pg_has_role(r.oid, 'SET'), (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)) AS may_act
FROM (VALUES ('sync_app'::name, false), ('sync_router', true)) AS w (name, inherits)
LEFT JOIN pg_roles AS r ON r.rolname = w.name
ORDER BY w.name

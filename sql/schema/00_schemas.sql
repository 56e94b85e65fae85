-- The schemas follow the flow: connect → capture → preview → select → promote → observe.
-- `selection` because SELECT is reserved; `core` is what promotion writes; `compat` holds temporary legacy names.
CREATE SCHEMA connect;
CREATE SCHEMA capture;
CREATE SCHEMA preview;
CREATE SCHEMA selection;
CREATE SCHEMA promote;
CREATE SCHEMA core;
CREATE SCHEMA observe;
CREATE SCHEMA compat;
-- What people who make reports read: views over core.
CREATE SCHEMA report;

-- Roles belong to the whole server, so another database of it may have made them already.
--   sync_app     what the application's login is a member of: owns nothing, cannot bypass row-level security
--   sync_router  owns the few functions that look across organizations (sensors must find work); sees only what
--                a policy names it for
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['sync_app', 'sync_router'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
    IF NOT pg_has_role(current_user, 'sync_router', 'MEMBER') THEN
        EXECUTE format('GRANT sync_router TO %I', current_user);
    END IF;
END $$;

GRANT USAGE ON SCHEMA connect, capture, preview, selection, promote, core, observe, compat, report TO sync_app;
GRANT USAGE, CREATE ON SCHEMA connect, observe TO sync_router;
ALTER DEFAULT PRIVILEGES IN SCHEMA connect, capture, preview, selection, promote, core, observe, compat
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO sync_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA connect, capture, preview, selection, promote, core, observe, compat
    GRANT USAGE, SELECT ON SEQUENCES TO sync_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA report GRANT SELECT ON TABLES TO sync_app;

-- The organization of the transaction. The sub-select in the policies makes it an init plan: read once a
-- statement, not once a row.
CREATE FUNCTION connect.current_org() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('sync.org_id', true), '')::bigint $$;

-- Every table with org_id passes through here once; a test finds the one that did not.
CREATE PROCEDURE connect.isolate(VARIADIC relations regclass [])
LANGUAGE plpgsql
AS $$
DECLARE
    relation regclass;
BEGIN
    FOREACH relation IN ARRAY relations LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format(
            'CREATE POLICY organization ON %s USING (org_id = (SELECT connect.current_org())) '
            'WITH CHECK (org_id = (SELECT connect.current_org()))', relation);
    END LOOP;
END $$;

-- SKUs and e-mails are compared trimmed of every kind of blank and case-folded: here, and in entities/values.py for what is
-- folded before it is stored. Stored, because an index on an expression is not reached through row-level security.
CREATE FUNCTION core.fold(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN nullif(casefold(btrim(value, (
    E' \t\n\x0B\f\r\x1C\x1D\x1E\x1F\u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008'
    '\u2009\u200A\u2028\u2029\u202F\u205F\u3000')) COLLATE "pg_unicode_fast"), '');

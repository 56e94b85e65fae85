DO $$
DECLARE
    place record;
BEGIN
    FOR place IN
        SELECT c.oid::regclass AS relation, a.attname
        FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND NOT a.attisdropped
        WHERE c.relnamespace = 'core'::regnamespace AND c.relkind = 'r' AND col_description(c.oid, a.attnum) IS NOT NULL
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS NULL', place.relation, place.attname);
    END LOOP;
    FOR place IN
        SELECT c.oid::regclass AS relation FROM pg_class AS c
        WHERE c.relnamespace = 'core'::regnamespace AND c.relkind = 'r'
    LOOP
        EXECUTE format('COMMENT ON TABLE %s IS NULL', place.relation);
    END LOOP;
END $$;
ALTER DEFAULT PRIVILEGES IN SCHEMA report REVOKE SELECT ON TABLES FROM sync_app;
DROP SCHEMA report CASCADE;
DROP VIEW promote.former_row;
ALTER TABLE connect.organization DROP COLUMN core_since;
ALTER TABLE promote.core_change DROP COLUMN changed_at;

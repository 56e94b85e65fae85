DROP TRIGGER note_deleted ON selection.sync_selective_config;
DROP TRIGGER note_updated ON selection.sync_selective_config;
DROP TRIGGER note_inserted ON selection.sync_selective_config;
DROP FUNCTION selection.note_decisions();
CREATE OR REPLACE FUNCTION preview.count_differences() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO preview.tally (org_id, connection_id, entity_type, status, records)
        SELECT org_id, connection_id, entity_type, status, count(*) FROM new_rows
        GROUP BY org_id, connection_id, entity_type, status;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO preview.tally (org_id, connection_id, entity_type, status, records)
        SELECT org_id, connection_id, entity_type, status, -count(*) FROM old_rows
        GROUP BY org_id, connection_id, entity_type, status;
    ELSE
        INSERT INTO preview.tally (org_id, connection_id, entity_type, status, records)
        SELECT org_id, connection_id, entity_type, status, sum(by) FROM (
            SELECT org_id, connection_id, entity_type, status, 1 AS by FROM new_rows
            UNION ALL
            SELECT org_id, connection_id, entity_type, status, -1 FROM old_rows) AS moved
        GROUP BY org_id, connection_id, entity_type, status HAVING sum(by) <> 0;
    END IF;
    RETURN NULL;
END $$;
DROP FUNCTION preview.differences_beyond(bigint, text, text, text, boolean, text, boolean, integer);
DROP FUNCTION preview.records_beyond(bigint, text, text, boolean, text, boolean, integer);
DROP POLICY router ON selection.sync_selective_config;
DROP POLICY router ON preview.difference;
REVOKE SELECT ON preview.difference, selection.sync_selective_config FROM sync_router;
REVOKE USAGE ON SCHEMA preview FROM sync_router;
DROP INDEX capture.sync_record_modified;

-- The history of an older version has the first time of a content and the last: the widest interval that is known.
ALTER TABLE capture.record_history NO FORCE ROW LEVEL SECURITY;
ALTER TABLE capture.former_interval NO FORCE ROW LEVEL SECURITY;
UPDATE capture.record_history AS h SET captured_at = f.captured_at, run_id = f.run_id
FROM (
    SELECT DISTINCT ON (org_id, connection_id, entity_type, external_id, content_hash) *
    FROM capture.former_interval
    ORDER BY org_id, connection_id, entity_type, external_id, content_hash, captured_at) AS f
WHERE f.org_id = h.org_id AND f.connection_id = h.connection_id AND f.entity_type = h.entity_type
    AND f.external_id = h.external_id AND f.content_hash = h.content_hash;
ALTER TABLE capture.record_history FORCE ROW LEVEL SECURITY;

REVOKE UPDATE (captured_at, run_id) ON capture.record_history FROM sync_app;

CREATE OR REPLACE FUNCTION capture.keep_deletion_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF TG_ARGV[0] = 'list' THEN
        INSERT INTO capture.deletion_change (org_id, connection_id, entity_type, external_id)
        VALUES (NEW.org_id, NEW.connection_id, NEW.entity_type, '') ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO capture.deletion_change (org_id, connection_id, entity_type, external_id)
        VALUES (NEW.org_id, NEW.connection_id, NEW.entity_type, NEW.external_id) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;

DROP TABLE capture.former_deletion;
DROP VIEW capture.record_interval;
DROP TABLE capture.former_interval;

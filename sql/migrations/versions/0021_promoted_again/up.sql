-- Figures count what is captured. A record that changed and is again what was promoted is settled when something is
-- promoted next: no promotion tells of it.
CREATE FUNCTION capture.keep_promoted_again() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO capture.deletion_change (org_id, connection_id, entity_type, external_id)
    SELECT m.org_id, m.connection_id, m.entity_type, m.external_id FROM promote.integration_mapping AS m
    WHERE m.org_id = NEW.org_id AND m.connection_id = NEW.connection_id AND m.entity_type = NEW.entity_type
        AND m.external_id = NEW.external_id AND m.promoted_hash = NEW.content_hash AND NOT m.promoted_deleted
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER keep_promoted_again AFTER UPDATE OF content_hash ON capture.sync_record
FOR EACH ROW WHEN (NEW.content_hash <> OLD.content_hash) EXECUTE FUNCTION capture.keep_promoted_again();

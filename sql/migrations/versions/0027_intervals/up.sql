-- A content that came back has a row for each time: from when to when a record had it is known exactly from here on.
GRANT UPDATE (captured_at, run_id) ON capture.record_history TO sync_app;

-- Earlier intervals of contents that came back and were replaced again. Their payload is in the history.
CREATE TABLE capture.former_interval (
    org_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    -- As in its neighbours: it counts the contents of one record.
    -- squawk-ignore prefer-bigint-over-int
    version_no integer NOT NULL,
    content_hash bytea NOT NULL,
    captured_at timestamptz NOT NULL,
    run_id bigint,
    superseded_at timestamptz NOT NULL,
    superseded_run_id bigint,
    PRIMARY KEY (org_id, connection_id, entity_type, external_id, captured_at)
);
REVOKE UPDATE ON capture.former_interval FROM sync_app;
CALL connect.isolate('capture.former_interval');
CREATE POLICY retention ON capture.former_interval AS RESTRICTIVE FOR DELETE
USING (superseded_at < now() - interval '30 days');

-- Every version of a record, from when it was captured until another took its place: a content that came back has a row for
-- each time. One content by its hash is looked up in sync_record_version, which has it once.
CREATE VIEW capture.record_interval WITH (security_invoker = true) AS
SELECT
    r.org_id, r.connection_id, r.entity_type, r.external_id, r.content_hash, r.provider, r.version_no,
    r.sync_data, r.exact_text, r.captured_at, r.run_id, NULL::timestamptz AS superseded_at, true AS is_current
FROM capture.sync_record AS r
UNION ALL
SELECT
    h.org_id, h.connection_id, h.entity_type, h.external_id, h.content_hash, h.provider, h.version_no,
    h.sync_data, h.exact_text, h.captured_at, h.run_id, h.superseded_at, false AS is_current
FROM capture.record_history AS h
UNION ALL
SELECT
    f.org_id, f.connection_id, f.entity_type, f.external_id, f.content_hash, h.provider, f.version_no,
    h.sync_data, h.exact_text, f.captured_at, f.run_id, f.superseded_at, false AS is_current
FROM capture.former_interval AS f
JOIN capture.record_history AS h
    ON h.org_id = f.org_id AND h.connection_id = f.connection_id AND h.entity_type = f.entity_type
        AND h.external_id = f.external_id AND h.content_hash = f.content_hash;

-- When a record was deleted that came back since. When the others were deleted, or are, their own row says.
CREATE TABLE capture.former_deletion (
    org_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    deleted_at timestamptz NOT NULL,
    returned_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, connection_id, entity_type, external_id, deleted_at)
);
REVOKE UPDATE, DELETE ON capture.former_deletion FROM sync_app;
CALL connect.isolate('capture.former_deletion');

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
        INSERT INTO capture.former_deletion (org_id, connection_id, entity_type, external_id, deleted_at, returned_at)
        SELECT OLD.org_id, OLD.connection_id, OLD.entity_type, OLD.external_id, OLD.deletion_at,
               coalesce(NEW.deletion_at, clock_timestamp())
        WHERE OLD.deletion_state = 'deleted' AND OLD.deletion_at IS NOT NULL ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;

-- The pages of a connection show what the doctor found last, count what a rule would decide before it is added, and keep
-- the views that people named.
ALTER TABLE connect.integration_connector ADD COLUMN tested_at timestamptz;
ALTER TABLE connect.integration_connector ADD COLUMN findings jsonb NOT NULL DEFAULT '[]';

CREATE TABLE preview.saved_view (
    org_id bigint NOT NULL,
    view_id bigint GENERATED ALWAYS AS IDENTITY,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    shown jsonb NOT NULL,
    made_by text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, view_id),
    UNIQUE (org_id, connection_id, entity_type, name)
);
CALL connect.isolate('preview.saved_view');

-- The undecided differences that a standing rule covers: those that applying it decides, and that people count before they
-- add it. Plain SQL, so that the planner sees through it.
CREATE FUNCTION selection.covered_by_rule(
    connection bigint, entity text, store text, statuses text [], field text, expected jsonb)
RETURNS TABLE (external_id text, content_hash bytea, deleted boolean)
LANGUAGE sql STABLE
AS $$
    SELECT d.external_id, d.content_hash, d.status = 'deleted'
    FROM preview.difference AS d
    LEFT JOIN selection.sync_selective_config AS s
        ON s.org_id = d.org_id AND s.connection_id = d.connection_id AND s.entity_type = d.entity_type
            AND s.external_id = d.external_id AND s.content_hash = d.content_hash
            AND s.seen_deleted = (d.status = 'deleted')
    WHERE d.org_id = connect.current_org() AND d.connection_id = connection AND d.entity_type = entity
        AND s.external_id IS NULL AND d.status = ANY (statuses)
        -- What a person took back is a person's to decide, as long as it is the same version.
        AND NOT EXISTS (
            SELECT 1 FROM selection.withdrawal AS w
            WHERE w.org_id = d.org_id AND w.connection_id = d.connection_id AND w.entity_type = d.entity_type
                AND w.external_id = d.external_id AND w.content_hash = d.content_hash
                AND w.seen_deleted = (d.status = 'deleted'))
        AND (covered_by_rule.field IS NULL OR EXISTS (
            SELECT 1 FROM capture.sync_record AS r
            WHERE r.org_id = d.org_id AND r.connection_id = d.connection_id AND r.entity_type = d.entity_type
                AND r.external_id = d.external_id AND r.provider = store
                AND r.sync_data -> covered_by_rule.field = expected))
$$;

-- People look up who changed settings and rules; they are few among all events.
-- The audit log grows by hundreds of rows a day: reading it once is quick, and writers wait for it in migrations only.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX sync_activity_settings ON observe.sync_activity (org_id, activity_id)
WHERE event IN (
    'connect.saved', 'connect.settings_changed', 'connect.webhook_secret_set', 'organization.policy', 'rule.added',
    'rule.dropped');

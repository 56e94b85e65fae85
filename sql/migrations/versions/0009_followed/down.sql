CREATE OR REPLACE VIEW preview.sync_preview_cache WITH (security_invoker = true) AS
SELECT
    r.org_id, r.connection_id, r.entity_type, r.external_id, r.provider,
    coalesce(d.status, 'in_sync') AS status,
    coalesce(d.content_hash, r.content_hash) AS content_hash, -- the version it was computed for
    coalesce(d.promoted_hash, m.promoted_hash) AS promoted_hash,
    CASE WHEN d.status = 'updated' THEN (
        SELECT preview.changed_fields(v.sync_data - s.noise, r.sync_data - s.noise)
        FROM capture.sync_record_version AS v
        WHERE v.org_id = r.org_id AND v.connection_id = r.connection_id AND v.entity_type = r.entity_type
            AND v.external_id = r.external_id AND v.content_hash = d.promoted_hash)
    END AS changed_fields,
    coalesce(d.warnings, '[]') AS warnings,
    coalesce(d.computed_at, s.computed_at) AS computed_at
FROM capture.sync_record AS r
JOIN preview.summary AS s
    ON s.org_id = r.org_id AND s.connection_id = r.connection_id AND s.entity_type = r.entity_type
LEFT JOIN preview.difference AS d
    ON d.org_id = r.org_id AND d.connection_id = r.connection_id AND d.entity_type = r.entity_type
        AND d.external_id = r.external_id
LEFT JOIN promote.integration_mapping AS m
    ON m.org_id = r.org_id AND m.connection_id = r.connection_id AND m.entity_type = r.entity_type
        AND m.external_id = r.external_id
WHERE r.deletion_state <> 'deleted' OR d.status = 'deleted';
DROP FUNCTION preview.followed_changes(jsonb);
DROP FUNCTION preview.version_of(bytea, boolean, jsonb);
-- What differed only by what it follows: no column says so now.
ALTER TABLE preview.difference NO FORCE ROW LEVEL SECURITY;
DELETE FROM preview.difference WHERE followed IS NOT NULL;
ALTER TABLE preview.difference FORCE ROW LEVEL SECURITY;
ALTER TABLE selection.sync_plan_item DROP COLUMN followed;
ALTER TABLE selection.sync_plan DROP COLUMN followed;
ALTER TABLE preview.summary DROP COLUMN followed;
ALTER TABLE preview.difference DROP COLUMN followed;
ALTER TABLE promote.integration_mapping DROP COLUMN entity_hash;

-- Core copies values from other records (a location's name, a tax, a tag). The mapping keeps a hash of what the mapper
-- made of a record and those; what differs from it since is a difference, and plans are bound to what was seen.
ALTER TABLE promote.integration_mapping ADD COLUMN entity_hash bigint;
ALTER TABLE preview.difference ADD COLUMN followed jsonb;
ALTER TABLE preview.summary ADD COLUMN followed jsonb;
ALTER TABLE selection.sync_plan ADD COLUMN followed jsonb;
ALTER TABLE selection.sync_plan_item ADD COLUMN followed jsonb;
CREATE FUNCTION preview.version_of(content_hash bytea, deleted boolean, followed jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT preview.version_of(content_hash, deleted) || coalesce('-' || (followed ->> 'version'), '') $$;
CREATE FUNCTION preview.followed_changes(followed jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT jsonb_object_agg(f.key, f.value || jsonb_build_object('through', followed -> 'through'))
    FROM jsonb_each(followed -> 'fields') AS f
$$;
CREATE OR REPLACE VIEW preview.sync_preview_cache WITH (security_invoker = true) AS
SELECT
    r.org_id, r.connection_id, r.entity_type, r.external_id, r.provider,
    coalesce(d.status, 'in_sync') AS status,
    coalesce(d.content_hash, r.content_hash) AS content_hash, -- the version it was computed for
    coalesce(d.promoted_hash, m.promoted_hash) AS promoted_hash,
    CASE
        WHEN d.followed IS NOT NULL THEN ARRAY(SELECT jsonb_object_keys(d.followed -> 'fields') ORDER BY 1)
        WHEN d.status = 'updated' THEN (
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

-- record_in_full --
SELECT r.external_id, r.version, coalesce(r.status, 'in_sync') AS status, r.sync_data, r.name, r.code, r.email,
       r.deletion_state, r.deletion_evidence, r.deletion_at, r.captured_at, r.remote_modified_at, r.version_no, r.warnings,
       m.core_table, m.internal_id, m.last_promoted_at,
       coalesce(m.promoted_deleted, false) AS promoted_deleted, r.decision, r.decided_by, r.decided_at, r.decided_why,
       r.draft, r.cause, r.withdrawn_by, r.withdrawn_at, r.why,
       coalesce(preview.followed_changes(r.followed),
                preview.field_changes(v.sync_data - %(noise)s::text[], r.sync_data - %(noise)s::text[])) AS changes
FROM selection.record_now AS r
LEFT JOIN promote.integration_mapping AS m
    ON m.org_id = r.org_id AND m.connection_id = r.connection_id AND m.entity_type = r.entity_type
        AND m.external_id = r.external_id
LEFT JOIN capture.sync_record_version AS v
    ON v.org_id = r.org_id AND v.connection_id = r.connection_id AND v.entity_type = r.entity_type
        AND v.external_id = r.external_id AND v.content_hash = m.promoted_hash
WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
    AND r.provider = %(provider)s AND r.external_id = %(external_id)s

-- record_versions --
-- A content that came back is listed each time.
SELECT version_no, captured_at, run_id, is_current, encode(content_hash, 'hex') AS version
FROM capture.record_interval
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND provider = %(provider)s AND external_id = %(external_id)s
ORDER BY version_no DESC

-- version_text --
-- A version's payload, indented; numbers keep their digits. Where jsonb cannot hold it, its very text.
SELECT coalesce(exact_text, jsonb_pretty(sync_data)) AS text, version_no FROM capture.record_interval
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND provider = %(provider)s AND external_id = %(external_id)s
    AND (version_no = %(version_no)s OR %(version_no)s::integer IS NULL)
ORDER BY version_no DESC LIMIT 1

-- version_changes --
-- The fields in which two versions differ, noise included: it is what the store said.
SELECT preview.field_changes(b.sync_data, a.sync_data) AS changes
FROM capture.record_interval AS b, capture.record_interval AS a
WHERE b.org_id = connect.current_org() AND b.connection_id = %(connection_id)s AND b.entity_type = %(entity_type)s
    AND b.provider = %(provider)s AND b.external_id = %(external_id)s AND b.version_no = %(earlier)s
    AND a.org_id = b.org_id AND a.connection_id = b.connection_id AND a.entity_type = b.entity_type
    AND a.provider = b.provider AND a.external_id = b.external_id AND a.version_no = %(later)s

-- parent_of --
SELECT parent_id FROM capture.sync_record
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND provider = %(provider)s AND external_id = %(external_id)s

-- children_of --
-- The first records that hang on another one, and how many do.
SELECT external_id, count(*) OVER () AS records FROM capture.sync_record
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND provider = %(provider)s AND parent_id = %(external_id)s AND deletion_state <> 'deleted'
ORDER BY length(external_id), external_id LIMIT %(limit)s

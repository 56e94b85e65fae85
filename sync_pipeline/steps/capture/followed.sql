-- moved_records --
-- Records of a followed entity of which a field that is read may be another than at `since`: those that were not known then,
-- and those that had another value in an earlier version; with `deletions`, those that were deleted, or came back. Without
-- `since`, all.
SELECT r.external_id FROM capture.sync_record AS r
WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
    AND r.provider = %(provider)s
    AND (%(since)s::timestamptz IS NULL
        OR %(deletions)s AND r.deletion_at > %(since)s AND r.deletion_state <> 'suspected'
        OR r.captured_at > %(since)s AND (
        NOT EXISTS (
            SELECT 1 FROM capture.record_history AS h
            WHERE h.org_id = r.org_id AND h.connection_id = r.connection_id AND h.entity_type = r.entity_type
                AND h.external_id = r.external_id AND h.captured_at <= %(since)s)
        AND NOT EXISTS (
            SELECT 1 FROM capture.former_interval AS i
            WHERE i.org_id = r.org_id AND i.connection_id = r.connection_id AND i.entity_type = r.entity_type
                AND i.external_id = r.external_id AND i.captured_at <= %(since)s)
        OR EXISTS (
            SELECT 1 FROM capture.record_history AS h CROSS JOIN unnest(%(fields)s::text[]) AS f (name)
            WHERE h.org_id = r.org_id AND h.connection_id = r.connection_id AND h.entity_type = r.entity_type
                AND h.external_id = r.external_id
                AND (h.sync_data -> f.name) IS DISTINCT FROM (r.sync_data -> f.name))))

-- holders_by_field --
-- Records that name one of these in a field: an id, [id, name], or a list of ids. This reads the payloads of an entity, and
-- only when a followed record changed.
SELECT r.external_id, n.named FROM capture.sync_record AS r
CROSS JOIN LATERAL (
    SELECT e.id #>> '{}' AS named FROM jsonb_path_query(r.sync_data -> %(field)s, '$[*]') AS e (id)
    WHERE e.id #>> '{}' = ANY (%(named)s::text[])) AS n
WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
    AND r.provider = %(provider)s AND (%(ids)s::text[] IS NULL OR r.external_id = ANY (%(ids)s::text[]))

-- holders_by_parent --
-- The same for the field that parent_id is: by an index.
SELECT r.external_id, r.parent_id AS named FROM capture.sync_record AS r
WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
    AND r.provider = %(provider)s AND r.parent_id = ANY (%(named)s::text[])
    AND (%(ids)s::text[] IS NULL OR r.external_id = ANY (%(ids)s::text[]))

-- named_by --
-- The other way round: the records that these name, or named in an earlier version, in a field or as their parent.
SELECT DISTINCT n.external_id, n.named FROM (
    SELECT e.id #>> '{}' AS external_id, v.external_id AS named
    FROM capture.sync_record_version AS v
    CROSS JOIN LATERAL jsonb_path_query(v.sync_data -> %(field)s, '$[*]') AS e (id)
    WHERE v.org_id = connect.current_org() AND v.connection_id = %(connection_id)s AND v.entity_type = %(entity_type)s
        AND v.external_id = ANY (%(named)s::text[])
    UNION ALL
    SELECT r.parent_id, r.external_id FROM capture.sync_record AS r
    WHERE %(by_parent)s::boolean AND r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s
        AND r.entity_type = %(entity_type)s AND r.external_id = ANY (%(named)s::text[])) AS n
WHERE n.external_id IS NOT NULL AND (%(ids)s::text[] IS NULL OR n.external_id = ANY (%(ids)s::text[]))

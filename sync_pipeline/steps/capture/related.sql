-- related --
-- Captured records, cut to some of their fields. What a store has deleted since is still known.
SELECT k.n, r.payload
FROM unnest(%(connections)s::bigint [], %(ids)s::text [])
    WITH ORDINALITY AS k (connection_id, external_id, n)
CROSS JOIN LATERAL (
    SELECT (
        SELECT jsonb_object_agg(f.name, c.sync_data -> f.name) FROM unnest(%(fields)s::text []) AS f (name)
        WHERE c.sync_data ? f.name)::text AS payload
    FROM capture.sync_record AS c
    WHERE c.org_id = connect.current_org() AND c.connection_id = k.connection_id AND c.entity_type = %(type)s
        AND c.external_id = k.external_id COLLATE "C" LIMIT 1) AS r;

-- related_then --
-- The same in the version of a time that is past; what was captured later was not known then.
SELECT k.n, r.payload
FROM unnest(%(connections)s::bigint [], %(ids)s::text [])
    WITH ORDINALITY AS k (connection_id, external_id, n)
CROSS JOIN LATERAL (
    SELECT (
        SELECT jsonb_object_agg(f.name, v.sync_data -> f.name) FROM unnest(%(fields)s::text []) AS f (name)
        WHERE v.sync_data ? f.name)::text AS payload
    FROM (
        SELECT h.sync_data FROM capture.record_interval AS h
        WHERE h.org_id = connect.current_org() AND h.connection_id = k.connection_id AND h.entity_type = %(type)s
            AND h.external_id = k.external_id COLLATE "C" AND h.captured_at <= %(as_of)s
        ORDER BY coalesce(h.superseded_at > %(as_of)s, true) DESC, h.captured_at DESC LIMIT 1) AS v) AS r;

-- naming --
-- The captured records that name others, cut to some of their fields: in the list `by`, or without it as their parent. What a
-- store has deleted names nothing.
SELECT k.n, (
    SELECT jsonb_object_agg(f.name, r.sync_data -> f.name) FROM unnest(%(fields)s::text []) AS f (name)
    WHERE r.sync_data ? f.name)::text AS payload
FROM unnest(%(connections)s::bigint [], %(ids)s::text [])
    WITH ORDINALITY AS k (connection_id, external_id, n)
CROSS JOIN LATERAL (
    SELECT p.external_id, p.sync_data FROM capture.sync_record AS p
    WHERE %(by)s::text IS NULL AND p.org_id = connect.current_org() AND p.connection_id = k.connection_id
        AND p.entity_type = %(type)s AND p.parent_id = k.external_id COLLATE "C" AND p.deletion_state <> 'deleted'
    UNION ALL
    SELECT v.external_id, v.sync_data
    FROM capture.named_record AS l
    CROSS JOIN LATERAL (
        SELECT c.external_id, c.sync_data FROM capture.sync_record AS c
        WHERE c.org_id = connect.current_org() AND c.connection_id = k.connection_id AND c.entity_type = %(type)s
            AND c.external_id = l.external_id AND c.deletion_state <> 'deleted' LIMIT 1) AS v
    WHERE %(by)s::text IS NOT NULL AND l.org_id = connect.current_org() AND l.connection_id = k.connection_id
        AND l.entity_type = %(type)s AND l.field = %(by)s AND l.named_id = k.external_id COLLATE "C" AND EXISTS (
            SELECT FROM jsonb_path_query(v.sync_data -> l.field, '$[*]') AS e (id) WHERE e.id #>> '{}' = l.named_id)) AS r
ORDER BY k.n, length(r.external_id), r.external_id;

-- naming_then --
-- The same at a time that is past: in the versions of then, and without what was deleted then. Of one that came back,
-- deletion_at is when it did, and former_deletion has since when it had been deleted; where that was not kept yet, it counts
-- as deleted until then.
SELECT k.n, (
    SELECT jsonb_object_agg(f.name, v.sync_data -> f.name) FROM unnest(%(fields)s::text []) AS f (name)
    WHERE v.sync_data ? f.name)::text AS payload
FROM unnest(%(connections)s::bigint [], %(ids)s::text [])
    WITH ORDINALITY AS k (connection_id, external_id, n)
CROSS JOIN LATERAL (
    SELECT p.external_id FROM capture.sync_record AS p
    WHERE %(by)s::text IS NULL AND p.org_id = connect.current_org() AND p.connection_id = k.connection_id
        AND p.entity_type = %(type)s AND p.parent_id = k.external_id COLLATE "C"
    UNION ALL
    SELECT l.external_id FROM capture.named_record AS l
    WHERE %(by)s::text IS NOT NULL AND l.org_id = connect.current_org() AND l.connection_id = k.connection_id
        AND l.entity_type = %(type)s AND l.field = %(by)s AND l.named_id = k.external_id COLLATE "C") AS c
CROSS JOIN LATERAL (
    SELECT o.external_id FROM capture.sync_record AS o
    WHERE o.org_id = connect.current_org() AND o.connection_id = k.connection_id AND o.entity_type = %(type)s
        AND o.external_id = c.external_id
        AND NOT EXISTS (
            SELECT 1 FROM capture.former_deletion AS f
            WHERE f.org_id = o.org_id AND f.connection_id = o.connection_id AND f.entity_type = o.entity_type
                AND f.external_id = o.external_id AND f.deleted_at <= %(as_of)s AND f.returned_at > %(as_of)s)
        AND (o.deletion_at IS NULL OR o.deletion_state = 'suspected'
             OR (o.deletion_state = 'deleted') = (o.deletion_at > %(as_of)s)
             OR o.deletion_state = 'present' AND EXISTS (
                 SELECT 1 FROM capture.former_deletion AS f
                 WHERE f.org_id = o.org_id AND f.connection_id = o.connection_id AND f.entity_type = o.entity_type
                     AND f.external_id = o.external_id AND f.returned_at = o.deletion_at)) LIMIT 1) AS r
CROSS JOIN LATERAL (
    SELECT h.sync_data FROM capture.record_interval AS h
    WHERE h.org_id = connect.current_org() AND h.connection_id = k.connection_id AND h.entity_type = %(type)s
        AND h.external_id = c.external_id AND h.captured_at <= %(as_of)s
    ORDER BY coalesce(h.superseded_at > %(as_of)s, true) DESC, h.captured_at DESC LIMIT 1) AS v
WHERE %(by)s::text IS NULL OR EXISTS (
    SELECT FROM jsonb_path_query(v.sync_data -> %(by)s, '$[*]') AS e (id) WHERE e.id #>> '{}' = k.external_id)
ORDER BY k.n, length(r.external_id), r.external_id;

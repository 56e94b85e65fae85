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
        SELECT c.sync_data, c.captured_at FROM capture.sync_record AS c
        WHERE c.org_id = connect.current_org() AND c.connection_id = k.connection_id AND c.entity_type = %(type)s
            AND c.external_id = k.external_id COLLATE "C" AND c.captured_at <= %(as_of)s
        UNION ALL
        SELECT h.sync_data, h.captured_at FROM capture.record_history AS h
        WHERE h.org_id = connect.current_org() AND h.connection_id = k.connection_id AND h.entity_type = %(type)s
            AND h.external_id = k.external_id COLLATE "C" AND h.captured_at <= %(as_of)s
        ORDER BY captured_at DESC LIMIT 1) AS v) AS r;

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

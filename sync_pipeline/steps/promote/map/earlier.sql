-- earlier_versions --
-- The versions of these records before the one that is promoted, the newest first.
SELECT k.n, h.sync_data::text AS payload
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [], %(hashes)s::bytea [])
    WITH ORDINALITY AS k (connection_id, entity_type, external_id, content_hash, n)
CROSS JOIN LATERAL (
    SELECT v.version_no FROM capture.sync_record_version AS v
    WHERE v.org_id = connect.current_org() AND v.connection_id = k.connection_id AND v.entity_type = k.entity_type
        AND v.external_id = k.external_id COLLATE "C" AND v.content_hash = k.content_hash LIMIT 1) AS p
JOIN capture.record_history AS h
    ON h.org_id = connect.current_org() AND h.connection_id = k.connection_id AND h.entity_type = k.entity_type
        AND h.external_id = k.external_id COLLATE "C" AND h.version_no < p.version_no
ORDER BY k.n, h.version_no DESC;

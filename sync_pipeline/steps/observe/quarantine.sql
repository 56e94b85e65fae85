-- quarantine_page --
SELECT quarantine_id, entity_type, external_id, reason, status, request, first_seen_at, last_seen_at, seen,
       coalesce(length(raw), 0) AS raw_bytes
FROM capture.sync_quarantine
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND resolved_at IS NULL
    AND (%(entity_type)s::text IS NULL OR entity_type = %(entity_type)s) AND quarantine_id > %(after)s
ORDER BY quarantine_id LIMIT %(limit)s

-- quarantine_counts --
SELECT entity_type, count(*) AS records FROM capture.sync_quarantine
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND resolved_at IS NULL
GROUP BY entity_type

-- quarantined_record --
SELECT quarantine_id, entity_type, external_id, reason, status, request, first_seen_at, last_seen_at, seen,
       coalesce(length(raw), 0) AS raw_bytes
FROM capture.sync_quarantine
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND external_id = %(external_id)s AND resolved_at IS NULL

-- quarantined_one --
SELECT q.quarantine_id, q.entity_type, q.external_id, q.reason, q.status, q.request, q.first_seen_at, q.last_seen_at,
       q.seen, coalesce(length(q.raw), 0) AS raw_bytes, q.resolved_at, substr(q.raw, 1, %(at_most)s) AS raw,
       EXISTS (
           SELECT 1 FROM capture.sync_record AS r
           WHERE r.org_id = q.org_id AND r.connection_id = q.connection_id AND r.entity_type = q.entity_type
               AND r.external_id = q.external_id
       ) AS captured
FROM capture.sync_quarantine AS q
WHERE q.org_id = connect.current_org() AND q.connection_id = %(connection_id)s AND q.quarantine_id = %(quarantine_id)s

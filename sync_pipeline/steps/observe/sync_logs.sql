-- sync_logs --
SELECT l.log_id, c.name AS connection, c.provider, l.entity_type, l.kind, l.status, l.records_synced, l.skipped,
       l.error_message, l.started_at, l.finished_at
FROM capture.sync_logs AS l
JOIN connect.integration_connector AS c ON c.org_id = l.org_id AND c.connection_id = l.connection_id
WHERE l.org_id = connect.current_org() AND l.connection_id = ANY(%(connections)s::bigint [])
    AND (%(kind)s::text IS NULL OR l.kind = %(kind)s) AND (%(status)s::text IS NULL OR l.status = %(status)s)
ORDER BY l.log_id DESC LIMIT %(limit)s OFFSET %(offset)s

-- count_sync_logs --
SELECT count(*) FROM capture.sync_logs
WHERE org_id = connect.current_org() AND connection_id = ANY(%(connections)s::bigint [])
    AND (%(kind)s::text IS NULL OR kind = %(kind)s) AND (%(status)s::text IS NULL OR status = %(status)s)

-- one_sync_log --
SELECT l.log_id, c.name AS connection, c.provider, l.entity_type, l.kind, l.status, l.records_synced, l.skipped,
       l.error_message, l.started_at, l.finished_at, coalesce(l.detail -> 'skipped', '[]') AS skipped_records,
       coalesce(l.detail -> 'ignored', '[]') AS ignored_records, coalesce(l.detail -> 'outcomes', '[]') AS outcomes,
       coalesce(l.detail -> 'deliveries', '[]') AS deliveries
FROM capture.sync_logs AS l
JOIN connect.integration_connector AS c ON c.org_id = l.org_id AND c.connection_id = l.connection_id
WHERE l.org_id = connect.current_org() AND l.log_id = %(log_id)s
    AND l.connection_id = ANY(%(connections)s::bigint [])

-- changed_records --
-- Records whose newest content, or deletion, was captured in a span of time; keyset by the moment.
SELECT c.at, c.connection, c.provider, c.connection_id, c.entity_type, c.external_id, c.version_no, c.kind,
       c.name, c.code, c.email, c.run_id
FROM (
    SELECT CASE WHEN r.deletion_state = 'deleted' THEN greatest(r.deletion_at, r.captured_at) ELSE r.captured_at END AS at,
           o.name AS connection, r.provider, r.connection_id, r.entity_type, r.external_id,
           r.version_no, r.run_id,
           CASE WHEN r.deletion_state = 'deleted' THEN 'deleted'
                WHEN r.first_captured_at >= %(since)s THEN 'new' ELSE 'updated' END AS kind,
           r.name, r.code, r.email
    FROM capture.sync_record AS r
    JOIN connect.integration_connector AS o ON o.org_id = r.org_id AND o.connection_id = r.connection_id
    WHERE r.org_id = connect.current_org()
        AND (%(connection_id)s::bigint IS NULL OR r.connection_id = %(connection_id)s)
        AND (%(entity_type)s::text IS NULL OR r.entity_type = %(entity_type)s)
        AND (r.captured_at >= %(since)s OR r.deletion_at >= %(since)s)
) AS c
WHERE c.at >= %(since)s AND c.at < %(until)s
    AND (%(after_at)s::timestamptz IS NULL
         OR (c.at, c.connection_id, c.entity_type, c.external_id)
         > (%(after_at)s, %(after_connection)s::bigint, %(after_type)s::text, %(after_id)s::text COLLATE "C"))
ORDER BY c.at, c.connection_id, c.entity_type, c.external_id
LIMIT %(limit)s

-- changed_counts --
SELECT o.name AS connection, o.provider, r.entity_type,
       count(*) FILTER (WHERE r.deletion_state <> 'deleted' AND r.first_captured_at >= %(since)s) AS new,
       count(*) FILTER (WHERE r.deletion_state <> 'deleted' AND r.first_captured_at < %(since)s) AS updated,
       count(*) FILTER (WHERE r.deletion_state = 'deleted') AS deleted
FROM capture.sync_record AS r
JOIN connect.integration_connector AS o ON o.org_id = r.org_id AND o.connection_id = r.connection_id
WHERE r.org_id = connect.current_org()
    AND (%(connection_id)s::bigint IS NULL OR r.connection_id = %(connection_id)s)
    AND (%(entity_type)s::text IS NULL OR r.entity_type = %(entity_type)s)
    AND CASE WHEN r.deletion_state = 'deleted' THEN greatest(r.deletion_at, r.captured_at) ELSE r.captured_at END
    BETWEEN %(since)s AND %(until)s
GROUP BY o.name, o.provider, r.entity_type
ORDER BY o.name, r.entity_type

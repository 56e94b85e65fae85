-- settled --
-- Up to this moment everything is committed: who still writes may commit records that were captured since it began.
SELECT least(clock_timestamp(), min(xact_start)) AS at
FROM pg_stat_activity
WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()

-- plan_each_time --
-- The span and the filters decide how these are read: a plan for any values would pass over very many records.
SET LOCAL plan_cache_mode = force_custom_plan

-- changed_records --
-- Records whose newest content, or deletion, was captured in a span of time; keyset by the moment. The records that there
-- are and those that are gone have each an index in the order of their time.
WITH living AS (
    SELECT r.captured_at AS at, r.provider, r.connection_id, r.entity_type, r.external_id, r.version_no, r.run_id,
           CASE WHEN r.first_captured_at >= %(since)s THEN 'new' ELSE 'updated' END AS kind, r.name, r.code, r.email
    FROM capture.sync_record AS r
    WHERE r.org_id = connect.current_org() AND r.deletion_state <> 'deleted'
        AND r.captured_at >= %(begin)s AND r.captured_at < %(until)s
        AND (%(connection_id)s::bigint IS NULL OR r.connection_id = %(connection_id)s)
        AND (%(entity_type)s::text IS NULL OR r.entity_type = %(entity_type)s)
        AND (%(after_at)s::timestamptz IS NULL
             OR (r.captured_at, r.connection_id, r.entity_type, r.external_id)
             > (%(after_at)s, %(after_connection)s::bigint, %(after_type)s::text, %(after_id)s::text COLLATE "C"))
    ORDER BY r.captured_at, r.connection_id, r.entity_type, r.external_id LIMIT %(limit)s
), gone AS (
    SELECT r.deletion_at AS at, r.provider, r.connection_id, r.entity_type, r.external_id,
           r.version_no, r.run_id, 'deleted' AS kind, r.name, r.code, r.email
    FROM capture.sync_record AS r
    WHERE r.org_id = connect.current_org() AND r.deletion_state = 'deleted'
        AND r.deletion_at >= %(begin)s AND r.deletion_at < %(until)s
        AND (%(connection_id)s::bigint IS NULL OR r.connection_id = %(connection_id)s)
        AND (%(entity_type)s::text IS NULL OR r.entity_type = %(entity_type)s)
        AND (%(after_at)s::timestamptz IS NULL
             OR (r.deletion_at, r.connection_id, r.entity_type, r.external_id)
             > (%(after_at)s, %(after_connection)s::bigint, %(after_type)s::text, %(after_id)s::text COLLATE "C"))
    ORDER BY r.deletion_at, r.connection_id, r.entity_type, r.external_id LIMIT %(limit)s
)
SELECT c.at, o.name AS connection, c.provider, c.connection_id, c.entity_type, c.external_id, c.version_no, c.kind,
       c.name, c.code, c.email, c.run_id
FROM (SELECT * FROM living UNION ALL SELECT * FROM gone) AS c
JOIN connect.integration_connector AS o ON o.org_id = connect.current_org() AND o.connection_id = c.connection_id
ORDER BY c.at, c.connection_id, c.entity_type, c.external_id
LIMIT %(limit)s

-- changed_counts --
-- How many of each entity, from the index alone.
SELECT o.name AS connection, o.provider, c.entity_type, sum(c.new)::bigint AS new, sum(c.updated)::bigint AS updated,
       sum(c.deleted)::bigint AS deleted
FROM (
    SELECT r.connection_id, r.entity_type, count(*) FILTER (WHERE r.first_captured_at >= %(since)s) AS new,
           count(*) FILTER (WHERE r.first_captured_at < %(since)s) AS updated, 0 AS deleted
    FROM capture.sync_record AS r
    WHERE r.org_id = connect.current_org() AND r.deletion_state <> 'deleted'
        AND r.captured_at >= %(since)s AND r.captured_at < %(until)s
        AND (%(connection_id)s::bigint IS NULL OR r.connection_id = %(connection_id)s)
        AND (%(entity_type)s::text IS NULL OR r.entity_type = %(entity_type)s)
    GROUP BY r.connection_id, r.entity_type
    UNION ALL
    SELECT r.connection_id, r.entity_type, 0, 0, count(*)
    FROM capture.sync_record AS r
    WHERE r.org_id = connect.current_org() AND r.deletion_state = 'deleted'
        AND r.deletion_at >= %(since)s AND r.deletion_at < %(until)s
        AND (%(connection_id)s::bigint IS NULL OR r.connection_id = %(connection_id)s)
        AND (%(entity_type)s::text IS NULL OR r.entity_type = %(entity_type)s)
    GROUP BY r.connection_id, r.entity_type
) AS c
JOIN connect.integration_connector AS o ON o.org_id = connect.current_org() AND o.connection_id = c.connection_id
GROUP BY o.name, o.provider, c.entity_type
ORDER BY o.name, c.entity_type

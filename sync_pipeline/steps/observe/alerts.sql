-- lock_alerts --
SELECT pg_try_advisory_xact_lock(hashtextextended('alerts/' || connect.current_org()::text, 0))

-- alert_changes --
-- Problems that no alert was sent about, and alerted problems that are over.
WITH wrong AS (
    SELECT 'connection:' || connection_id::text || ':failing' AS subject, name AS connection, provider, 'failing' AS kind,
           health_detail AS detail, health_checked_at AS since
    FROM connect.integration_connector
    WHERE org_id = connect.current_org() AND disabled_at IS NULL AND health = 'failing'
    UNION ALL
    SELECT 'connection:' || connection_id::text || ':stale', name, provider, 'stale',
           CASE WHEN last_sync_at IS NULL THEN 'never pulled' END, last_sync_at
    FROM connect.integration_connector
    WHERE org_id = connect.current_org() AND disabled_at IS NULL
        AND coalesce(last_sync_at, created_at) < now() - make_interval(secs => %(seconds)s)
)
SELECT w.subject, w.connection, w.provider, w.kind, w.detail, w.since, true AS begins
FROM wrong AS w
WHERE NOT EXISTS (
    SELECT 1 FROM observe.alert AS a WHERE a.org_id = connect.current_org() AND a.subject = w.subject)
UNION ALL
SELECT a.subject, coalesce(c.name, 'a removed connection'), coalesce(c.provider, ''),
       split_part(a.subject, ':', 3), NULL, a.told_at, false
FROM observe.alert AS a
LEFT JOIN connect.integration_connector AS c
    ON c.org_id = a.org_id AND c.connection_id = split_part(a.subject, ':', 2)::bigint
WHERE a.org_id = connect.current_org()
    AND NOT EXISTS (SELECT 1 FROM wrong AS w WHERE w.subject = a.subject)
ORDER BY 1

-- mark_alert_sent --
INSERT INTO observe.alert (org_id, subject) VALUES (connect.current_org(), %(subject)s) ON CONFLICT DO NOTHING

-- clear_alert --
DELETE FROM observe.alert WHERE org_id = connect.current_org() AND subject = %(subject)s

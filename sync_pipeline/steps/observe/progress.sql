-- queues_at_work --
-- A worker has the lease of lines that it claimed, and claims the first open ones: those lie near the number of finished ones.
-- Between two batches it has finished some a moment ago, and while it writes the last ones it claimed, it holds core. What was
-- asked of Dagster is Dagster's to do.
SELECT q.queue_id, q.plan_id, q.total, q.done, q.failed, q.done + q.failed + q.cancelled AS finished,
       extract(epoch FROM clock_timestamp() - q.started_at)::float8 AS seconds,
       q.started_at IS NULL OR q.started_at > now() - interval '20 seconds' OR EXISTS (
           SELECT 1 FROM observe.request AS r
           WHERE r.org_id = q.org_id AND r.kind = 'promote' AND r.state IN ('waiting', 'launched')
               AND r.parameters ->> 'plan' = q.plan_id::text AND r.requested_at > now() - interval '1 day')
       OR EXISTS (
           SELECT 1 FROM promote.sync_queue_line AS l
           WHERE l.org_id = q.org_id AND l.queue_id = q.queue_id
               AND (l.lease_until > now() OR l.finished_at > now() - interval '20 seconds')
               AND l.line_no BETWEEN q.done + q.failed + q.cancelled - 20000 AND q.done + q.failed + q.cancelled + 20000)
       OR EXISTS (
           SELECT 1 FROM observe.held_lock AS k
           WHERE k.mode = 'ExclusiveLock' AND k.key = hashtextextended('promote', q.org_id)) AS alive
FROM promote.sync_queue AS q
WHERE q.org_id = connect.current_org() AND q.state IN ('draft', 'processing')
ORDER BY q.created_at

-- pulls_at_work --
-- Pulls whose ledger is open, found by their log, which has an index of what is running. Whoever pulls holds the entity's
-- lock: without it the process was killed, and within a day the next pull goes on where it stopped. `rows` is what was
-- read of the lists, `worked` what this attempt read of it.
WITH held AS MATERIALIZED (SELECT key FROM observe.held_lock)
SELECT r.run_id, r.connection_id, r.connection, r.provider, r.entity_type, r.mode, r.orchestrator_run, r.total,
       r.read - CASE WHEN r.again THEN r.resumed_rows ELSE 0 END AS rows, r.read - r.resumed_rows AS worked,
       extract(epoch FROM clock_timestamp() - r.began)::float8 AS seconds,
       hashtextextended('capture/' || connect.current_org() || '/' || r.connection_id || '/' || r.entity_type, 0)
       IN (SELECT key FROM held) AS alive
FROM (
    SELECT l.run_id, l.connection_id, c.name AS connection, c.provider, l.entity_type, l.mode, l.orchestrator_run,
           l.new + l.changed + l.unchanged + l.swept AS read,
           (l.detail #>> '{progress,total}')::bigint AS total,
           coalesce((l.detail #>> '{progress,resumed_rows}')::bigint, 0) AS resumed_rows,
           coalesce((l.detail #>> '{progress,again}')::boolean, false) AS again,
           coalesce((l.detail #>> '{progress,resumed_at}')::timestamptz, l.started_at) AS began
    FROM capture.sync_logs AS g
    JOIN capture.sync_ledger AS l ON l.org_id = g.org_id AND l.run_id = g.run_id
    JOIN connect.integration_connector AS c ON c.org_id = l.org_id AND c.connection_id = l.connection_id
    WHERE g.org_id = connect.current_org() AND g.status = 'running' AND g.kind = 'pull'
        AND l.state = 'open' AND l.started_at > now() - interval '1 day'
) AS r
ORDER BY r.run_id

-- requests_at_work --
-- What was asked of Dagster and has not ended, among the last ones: those launched have no index. Promotions are
-- queues. `ended` is how many of the entities the run has pulled: the newest runs of each are enough to know.
SELECT r.request_id, r.kind, r.state, r.parameters, r.requested_by, r.orchestrator_run, c.connection_id,
       c.name AS connection, c.provider, extract(epoch FROM clock_timestamp() - r.requested_at)::float8 AS seconds,
       (
           SELECT count(*) FROM capture.sync_cursor AS k
           CROSS JOIN LATERAL (
               SELECT l.orchestrator_run, l.state FROM capture.sync_ledger AS l
               WHERE l.org_id = k.org_id AND l.connection_id = k.connection_id AND l.entity_type = k.entity_type
               ORDER BY l.run_id DESC LIMIT 5
           ) AS l
           WHERE k.org_id = r.org_id AND k.connection_id = c.connection_id
               AND r.kind = 'pull' AND l.orchestrator_run = r.orchestrator_run AND l.state <> 'open'
       ) AS ended
FROM (
    SELECT * FROM observe.request WHERE org_id = connect.current_org() ORDER BY request_id DESC LIMIT 500
) AS r
LEFT JOIN connect.integration_connector AS c
    ON c.org_id = r.org_id AND c.name = r.parameters ->> 'connection' AND c.disabled_at IS NULL
WHERE r.state IN ('waiting', 'launched') AND r.kind <> 'promote' AND r.requested_at > now() - interval '1 day'
ORDER BY r.request_id

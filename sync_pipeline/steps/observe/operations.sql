-- entity_runs --
-- The newest pull of each entity, and how many of its records are in quarantine.
SELECT e.entity_type, coalesce(q.records, 0) AS quarantined, l.*
FROM unnest(%(entity_types)s::text[]) AS e (entity_type)
LEFT JOIN (
    SELECT entity_type, count(*) AS records FROM capture.sync_quarantine
    WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND resolved_at IS NULL
    GROUP BY entity_type
) AS q ON q.entity_type = e.entity_type
LEFT JOIN LATERAL (
    SELECT run_id, mode, state, expected, captured, quarantined AS set_aside, vanished, seconds, requests, error,
           started_at, finished_at, orchestrator_run
    FROM capture.sync_ledger
    WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = e.entity_type
        AND mode IN ('full', 'delta', 'preview')
    ORDER BY run_id DESC LIMIT 1
) AS l ON true

-- asked_of_connection --
-- Requests that wait or run and concern this connection: its own, and those for all connections.
SELECT request_id, kind, state, orchestrator_run AS run_id, parameters, requested_by, requested_at, finished_at, error
FROM (
    SELECT * FROM observe.request WHERE org_id = connect.current_org() ORDER BY request_id DESC LIMIT 500
) AS r
WHERE state IN ('waiting', 'launched') AND kind <> 'promote' AND requested_at > now() - interval '1 day'
    AND coalesce(parameters ->> 'connection', %(connection)s) = %(connection)s
ORDER BY request_id

-- ended_of_connection --
-- The last request that ended within the hour and concerns this connection.
SELECT request_id, kind, state, orchestrator_run AS run_id, parameters, requested_by, requested_at, finished_at, error
FROM (
    SELECT * FROM observe.request WHERE org_id = connect.current_org() ORDER BY request_id DESC LIMIT 500
) AS r
WHERE state IN ('done', 'failed') AND kind IN ('pull', 'preview', 'reconcile')
    AND finished_at > now() - interval '1 hour'
    AND coalesce(parameters ->> 'connection', %(connection)s) = %(connection)s
ORDER BY finished_at DESC, request_id DESC LIMIT 1

-- cancel_request --
UPDATE observe.request SET state = 'failed', error = %(error)s, finished_at = now()
WHERE org_id = connect.current_org() AND request_id = %(request_id)s AND state = 'waiting'
RETURNING request_id

-- last_reconciliation --
-- The newest line about it among the last of the log.
SELECT occurred_at, actor, detail
FROM (
    SELECT * FROM observe.sync_activity WHERE org_id = connect.current_org()
    ORDER BY occurred_at DESC, activity_id DESC LIMIT 20000
) AS a
WHERE event = 'reconcile.done' AND connection_id = %(connection_id)s
ORDER BY occurred_at DESC LIMIT 1

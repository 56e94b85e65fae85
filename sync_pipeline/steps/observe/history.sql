-- days --
-- What the runs of each day found and cost, by connection, in UTC. A day without runs has no row.
SELECT connection_id, (started_at AT TIME ZONE 'UTC')::date AS day, count(*) AS runs,
       count(*) FILTER (WHERE state = 'failed') AS failed,
       sum(new)::bigint AS new, sum(changed)::bigint AS updated, sum(deleted)::bigint AS deleted,
       sum(requests)::bigint AS requests, coalesce(sum((detail ->> 'throttled')::bigint), 0)::bigint AS throttled,
       sum(seconds)::float8 AS seconds, coalesce(max(seconds), 0)::float8 AS longest
FROM capture.sync_ledger
WHERE org_id = connect.current_org() AND started_at >= %(since)s
    AND (%(connection_id)s::bigint IS NULL OR connection_id = %(connection_id)s)
GROUP BY connection_id, day
ORDER BY day

-- time_line --
-- What happened to a connection, newest first: runs, pushes and webhooks from the ledger, plans with its records,
-- decisions about it or about the organization. Each kind gives a page, and the newest of all are the page. The rows of
-- the ledger are chosen before anything is made of them: there are tens of thousands.
SELECT at, key, kind, id, facts FROM (
    SELECT l.started_at AS at, c.key,
           CASE l.mode WHEN 'push' THEN 'pushes' WHEN 'webhook' THEN 'webhooks' ELSE 'runs' END AS kind,
           l.run_id::text AS id,
           jsonb_build_object(
               'entity_type', l.entity_type, 'mode', l.mode, 'state', l.state, 'new', l.new, 'updated', l.changed,
               'deleted', l.deleted, 'quarantined', l.quarantined, 'seconds', l.seconds, 'requests', l.requests,
               'run', l.orchestrator_run, 'error', left(l.error, 300)) AS facts
    FROM (
        SELECT r.run_id, 'run/' || lpad(r.run_id::text, 19, '0') AS key FROM capture.sync_ledger AS r
        WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s
            AND r.started_at >= %(since)s AND r.started_at <= %(before)s AND r.mode = ANY (%(modes)s)
            AND (r.started_at < %(before)s
                OR (r.started_at = %(before)s AND 'run/' || lpad(r.run_id::text, 19, '0') < %(before_key)s))
        ORDER BY r.started_at DESC, r.run_id DESC LIMIT %(limit)s
    ) AS c
    JOIN capture.sync_ledger AS l ON l.org_id = connect.current_org() AND l.run_id = c.run_id
    UNION ALL
    (
        SELECT p.created_at, 'plan/' || p.plan_id, 'plans', p.plan_id::text,
               jsonb_build_object(
                   'state', p.state, 'creates', p.creates, 'updates', p.updates, 'deletes', p.deletes,
                   'by', p.created_by, 'approved_by', p.approved_by, 'done', q.done, 'failed', q.failed)
        FROM selection.plan_now AS p
        LEFT JOIN promote.sync_queue AS q ON q.org_id = p.org_id AND q.queue_id = p.queue
        WHERE %(plans)s AND p.org_id = connect.current_org() AND p.created_at >= %(since)s
            AND p.created_at <= %(before)s
            AND (p.created_at < %(before)s OR 'plan/' || p.plan_id < %(before_key)s)
            AND EXISTS (
                SELECT 1 FROM selection.sync_plan_item AS i
                WHERE i.org_id = p.org_id AND i.plan_id = p.plan_id AND i.connection_id = %(connection_id)s)
        ORDER BY p.created_at DESC, p.plan_id DESC LIMIT %(limit)s
    )
    UNION ALL
    (
        SELECT d.opened_at, 'decision/' || lpad(d.decision_id::text, 19, '0'), 'decisions', d.decision_id::text,
               jsonb_build_object(
                   'question', left(d.question, 300), 'answer', d.answer, 'by', d.answered_by, 'cause', d.cause)
        FROM observe.decision AS d
        WHERE %(decisions)s AND d.org_id = connect.current_org() AND d.opened_at >= %(since)s
            AND coalesce(d.connection_id, %(connection_id)s) = %(connection_id)s
            AND (d.opened_at < %(before)s
                OR (d.opened_at = %(before)s
                    AND 'decision/' || lpad(d.decision_id::text, 19, '0') < %(before_key)s))
        ORDER BY d.opened_at DESC, d.decision_id DESC LIMIT %(limit)s
    )
) AS e
ORDER BY at DESC, key DESC LIMIT %(limit)s

-- reopen_stopped --
-- The lines that a gate stopped, of records that are still what was planned. Their queue is not closed by hand and not
-- undone.
WITH reopened AS (
    UPDATE promote.sync_queue_line AS l
    SET state = 'draft', attempts = 0, is_action_required = false, reason = NULL, not_before = NULL, finished_at = NULL
    FROM promote.sync_queue AS q, capture.sync_record AS r
    WHERE l.org_id = connect.current_org() AND l.queue_id = ANY (%(queues)s) AND l.state = 'failed'
        AND l.connection_id = %(connection_id)s AND l.entity_type = ANY (%(types)s)
        AND (%(external_id)s::text IS NULL OR l.external_id = %(external_id)s)
        AND q.org_id = l.org_id AND q.queue_id = l.queue_id AND q.undone_at IS NULL AND NOT q.forced
        AND r.org_id = l.org_id AND r.connection_id = l.connection_id AND r.entity_type = l.entity_type
        AND r.external_id = l.external_id AND r.content_hash = l.content_hash
        AND (r.deletion_state = 'deleted') = (l.action = 'delete')
        AND NOT EXISTS (
            SELECT 1 FROM selection.plan_item_now AS n
            WHERE n.org_id = q.org_id AND n.plan_id = q.plan_id AND n.connection_id = l.connection_id
                AND n.entity_type = l.entity_type AND n.external_id = l.external_id
                AND coalesce(n.selected, n.promoted) IS NOT NULL)
    RETURNING l.queue_id
)
SELECT DISTINCT q.plan_id FROM reopened AS k
JOIN promote.sync_queue AS q ON q.org_id = connect.current_org() AND q.queue_id = k.queue_id

-- stopped_plans --
-- The plans of queues that a gate stopped and that are not finished.
SELECT DISTINCT plan_id FROM promote.sync_queue
WHERE org_id = connect.current_org() AND queue_id = ANY (%(queues)s) AND state IN ('draft', 'processing')

-- stopped_tally --
-- What became of the lines that a gate stopped. Those still open are at work elsewhere.
SELECT count(*) FILTER (WHERE l.state = 'done') AS done, count(*) FILTER (WHERE l.state = 'failed') AS failed,
       count(*) FILTER (WHERE l.state IN ('draft', 'processing')) AS open,
       count(*) FILTER (WHERE l.state = 'failed' AND r.content_hash IS DISTINCT FROM l.content_hash) AS changed
FROM promote.sync_queue_line AS l
LEFT JOIN capture.sync_record AS r
    ON r.org_id = l.org_id AND r.connection_id = l.connection_id AND r.entity_type = l.entity_type
        AND r.external_id = l.external_id
WHERE l.org_id = connect.current_org() AND l.queue_id = ANY (%(queues)s) AND l.connection_id = %(connection_id)s
    AND l.entity_type = ANY (%(types)s) AND (%(external_id)s::text IS NULL OR l.external_id = %(external_id)s)

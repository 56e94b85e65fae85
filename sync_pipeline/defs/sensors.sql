-- waiting_selections --
SELECT org_id, slug, batch_id FROM observe.waiting_selections(%(at_most)s)

-- deciders_of_plan --
-- The people and rules whose decisions a plan has, some of them.
SELECT DISTINCT c.decided_by
FROM selection.sync_plan_item AS i
INNER JOIN selection.sync_selective_config AS c USING (org_id, connection_id, entity_type, external_id)
WHERE i.org_id = connect.current_org() AND i.plan_id = %(plan_id)s
ORDER BY c.decided_by LIMIT %(at_most)s

-- waiting_requests --
SELECT org_id, slug, request_id, kind, parameters FROM observe.waiting_requests(%(at_most)s)

-- request_launched --
UPDATE observe.request SET state = 'launched', orchestrator_run = %(run_id)s
WHERE org_id = connect.current_org() AND request_id = %(request_id)s AND state = 'waiting'

-- request_finished --
UPDATE observe.request
SET state = %(state)s, error = %(error)s, finished_at = now(), orchestrator_run = coalesce(%(run_id)s, orchestrator_run)
WHERE org_id = connect.current_org() AND request_id = %(request_id)s AND state IN ('waiting', 'launched')

-- waiting_decisions --
SELECT org_id, slug, decision_id, cause, question, opened_at FROM observe.open_decisions()

-- answered_decisions --
SELECT org_id, slug, decision_id, cause, answer FROM observe.answered_decisions()

-- unresumed_gate --
-- An answered gate that no run has resumed yet.
SELECT connection_id, entity_type, cause, answer FROM observe.decision
WHERE org_id = connect.current_org() AND decision_id = %(decision_id)s AND answered_at IS NOT NULL AND outcome IS NULL

-- interrupted_plans --
-- Plans that were approved a while ago and are not finished, because their run was lost or never launched.
SELECT p.plan_id
FROM selection.sync_plan AS p
WHERE p.org_id = connect.current_org() AND p.approved_at < now() - make_interval(secs => %(seconds)s)
    AND (
        (p.state = 'approved' AND p.origin = 'selection')
        OR EXISTS (
            SELECT 1 FROM promote.sync_queue AS q
            WHERE q.org_id = p.org_id AND q.plan_id = p.plan_id AND q.state IN ('draft', 'processing')
                AND NOT EXISTS (
                    SELECT 1 FROM promote.sync_queue_line AS l
                    WHERE l.org_id = q.org_id AND l.queue_id = q.queue_id AND l.lease_until > now()
                )
        )
    )
ORDER BY p.approved_at LIMIT 10

-- waiting_deliveries --
SELECT slug, connection_id, connection, entity_type, newest FROM capture.waiting_deliveries(%(at_most)s)

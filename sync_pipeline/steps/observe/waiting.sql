-- differences_up_to --
-- Differences that are included as they are now, or (`undecided`) that nobody has decided about, per entity, counted up to
-- a limit: a first import has as many as the store has records. Each has its own branch: in a plan that is kept for both,
-- only one of them is carried out.
SELECT t.connection_id, t.entity_type, u.records
FROM (
    SELECT connection_id, entity_type FROM preview.tally WHERE org_id = connect.current_org()
    GROUP BY connection_id, entity_type HAVING sum(records) > 0
) AS t
CROSS JOIN LATERAL (
    SELECT count(*) AS records FROM (
        SELECT FROM selection.difference_now AS d
        WHERE d.org_id = connect.current_org() AND d.connection_id = t.connection_id AND d.entity_type = t.entity_type
            AND d.decision = 'include' AND NOT %(undecided)s::boolean
        UNION ALL
        SELECT FROM selection.difference_now AS d
        WHERE d.org_id = connect.current_org() AND d.connection_id = t.connection_id AND d.entity_type = t.entity_type
            AND NOT d.decided AND %(undecided)s::boolean
        LIMIT %(at_most)s
    ) AS counted
) AS u
WHERE u.records > 0
ORDER BY t.connection_id, u.records DESC

-- unanswered_decisions --
SELECT decision_id, question, opened_at FROM observe.decision
WHERE org_id = connect.current_org() AND answered_at IS NULL ORDER BY decision_id LIMIT %(at_most)s

-- held_decisions --
-- What an answer of “hold” keeps out of core: its cause is still there.
SELECT decision_id, connection_id, blocks, question, answered_at FROM observe.decision
WHERE org_id = connect.current_org() AND resumed_at IS NULL AND answer = 'hold' AND outcome IS NULL
ORDER BY decision_id LIMIT %(at_most)s

-- waiting_plans --
SELECT plan_id, creates, updates, deletes, created_by, created_at, agent, origin, why FROM selection.plan_now
WHERE org_id = connect.current_org() AND state = 'proposed' ORDER BY created_at DESC LIMIT %(at_most)s

-- approved_plans --
-- Plans with an approval that holds and was not spent. What the sensor has approved is applied within seconds.
SELECT plan_id, creates, updates, deletes, created_by, created_at, approved_by, approved_until FROM selection.plan_now
WHERE org_id = connect.current_org() AND state = 'approved' AND approved_until IS NOT NULL
ORDER BY created_at DESC LIMIT %(at_most)s

-- failed_plans --
-- Plans with records that were not promoted, which nobody has closed or undone.
SELECT plan_id, queue_id, failed, created_at FROM promote.sync_queue
WHERE org_id = connect.current_org() AND state IN ('partial', 'failed') AND failed > 0 AND NOT forced
    AND undone_at IS NULL
ORDER BY created_at DESC LIMIT %(at_most)s

-- quarantined_by_connection --
SELECT connection_id, count(*) AS records FROM capture.sync_quarantine
WHERE org_id = connect.current_org() AND resolved_at IS NULL GROUP BY connection_id

-- undecided --
-- Differences that nobody has decided about as they are now, per entity, counted up to a limit: a first import has as
-- many as the store has records.
SELECT t.connection_id, t.entity_type, u.records
FROM (
    SELECT connection_id, entity_type FROM preview.tally WHERE org_id = connect.current_org()
    GROUP BY connection_id, entity_type HAVING sum(records) > 0
) AS t
CROSS JOIN LATERAL (
    SELECT count(*) AS records FROM (
        SELECT FROM preview.difference AS d
        WHERE d.org_id = connect.current_org() AND d.connection_id = t.connection_id AND d.entity_type = t.entity_type
            AND NOT EXISTS (
                SELECT 1 FROM selection.sync_selective_config AS s
                WHERE s.org_id = d.org_id AND s.connection_id = d.connection_id AND s.entity_type = d.entity_type
                    AND s.external_id = d.external_id AND s.content_hash = d.content_hash
                    AND s.seen_deleted = (d.status = 'deleted'))
        LIMIT %(at_most)s
    ) AS counted
) AS u
WHERE u.records > 0
ORDER BY t.connection_id, u.records DESC

-- unanswered_decisions --
SELECT decision_id, question, opened_at FROM observe.decision
WHERE org_id = connect.current_org() AND answered_at IS NULL ORDER BY decision_id LIMIT %(at_most)s

-- waiting_plans --
SELECT plan_id, creates, updates, deletes, created_by, created_at, agent, why FROM selection.plan_now
WHERE org_id = connect.current_org() AND state = 'proposed' ORDER BY created_at DESC LIMIT %(at_most)s

-- failed_plans --
-- Plans with records that were not promoted, which nobody has closed or undone.
SELECT plan_id, failed, created_at FROM promote.sync_queue
WHERE org_id = connect.current_org() AND state IN ('partial', 'failed') AND failed > 0 AND NOT forced
    AND undone_at IS NULL
ORDER BY created_at DESC LIMIT %(at_most)s

-- quarantined_by_connection --
SELECT connection_id, count(*) AS records FROM capture.sync_quarantine
WHERE org_id = connect.current_org() AND resolved_at IS NULL GROUP BY connection_id

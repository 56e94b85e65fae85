-- standing_of_record --
-- The decision about a record in its captured version, the plan that holds it, and its line there.
SELECT r.decision, r.decided_by, r.decided_at, r.decided_why AS why, r.draft, p.plan_id, p.state AS plan_state,
       p.created_by AS planned_by, q.queue_id, l.state AS line_state, l.reason, l.is_action_required
FROM selection.record_now AS r
LEFT JOIN LATERAL (
    SELECT i.plan_id FROM selection.sync_plan_item AS i
    JOIN selection.sync_plan AS o ON o.org_id = i.org_id AND o.plan_id = i.plan_id
    WHERE i.org_id = r.org_id AND i.connection_id = r.connection_id AND i.entity_type = r.entity_type
        AND i.external_id = r.external_id AND i.batch_id = r.batch_id
    ORDER BY o.created_at DESC LIMIT 1
) AS held ON true
LEFT JOIN selection.sync_plan AS p ON p.org_id = r.org_id AND p.plan_id = held.plan_id
LEFT JOIN promote.sync_queue AS q ON q.org_id = p.org_id AND q.plan_id = p.plan_id
LEFT JOIN promote.sync_queue_line AS l
    ON l.org_id = q.org_id AND l.queue_id = q.queue_id AND l.connection_id = r.connection_id
        AND l.entity_type = r.entity_type AND l.external_id = r.external_id
WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
    AND r.provider = %(provider)s AND r.external_id = %(external_id)s AND r.decision IS NOT NULL
LIMIT 1

-- set_aside_record --
SELECT reason, last_seen_at, seen FROM capture.sync_quarantine
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND external_id = %(external_id)s AND resolved_at IS NULL

-- record_gates --
-- Gates without an answer that concern the record, or stop its entity.
SELECT decision_id, cause FROM observe.decision
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s
    AND (answered_at IS NULL OR (answer = 'hold' AND outcome IS NULL AND resumed_at IS NULL))
    AND (%(entity_type)s = ANY (blocks)
         OR (entity_type = %(entity_type)s AND detail ->> 'external_id' = %(external_id)s))
ORDER BY decision_id

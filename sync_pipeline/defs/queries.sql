-- ledger_history --
-- The last runs of one entity over the org's connections of a provider, newest first, for the chart.
SELECT l.entity_type, l.started_at, l.mode, l.state, l.new, l.changed, l.deleted, l.quarantined, l.seconds
FROM capture.sync_ledger AS l
INNER JOIN connect.integration_connector AS c ON c.org_id = l.org_id AND c.connection_id = l.connection_id
WHERE l.org_id = connect.current_org() AND c.provider = %(provider)s AND l.entity_type = %(entity_type)s
    AND l.mode IN ('full', 'delta') AND l.state <> 'open'
ORDER BY l.run_id DESC LIMIT %(at_most)s

-- queue_history --
-- The last promotions of the org, newest first, for the chart.
SELECT created_at AS started_at, state, done, failed FROM promote.sync_queue
WHERE org_id = connect.current_org()
ORDER BY created_at DESC LIMIT %(at_most)s

-- unfinished_plans --
-- Approved plans that are not applied, and plans with a queue that a crash left open; oldest first.
SELECT p.plan_id
FROM selection.plan_now AS p
WHERE p.org_id = connect.current_org()
    AND (
        p.state = 'approved'
        OR (
            p.state = 'applied' AND EXISTS (
                SELECT 1 FROM promote.sync_queue AS q
                WHERE q.org_id = p.org_id AND q.plan_id = p.plan_id AND q.state IN ('draft', 'processing')
            )
        )
    )
ORDER BY p.created_at

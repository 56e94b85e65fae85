-- postpone --
INSERT INTO promote.figures_due (org_id, queue_id, customer_id)
SELECT connect.current_org(), %(queue)s::uuid, k.id FROM unnest(%(customers)s::bigint []) AS k (id)
ON CONFLICT DO NOTHING;

-- due --
SELECT customer_id FROM promote.figures_due
WHERE org_id = connect.current_org() AND queue_id = %(queue)s::uuid;

-- take_due --
DELETE FROM promote.figures_due AS d
USING (
    SELECT o.customer_id FROM promote.figures_due AS o
    WHERE o.org_id = connect.current_org() AND o.queue_id = %(queue)s::uuid
    ORDER BY o.customer_id LIMIT %(most)s) AS k
WHERE d.org_id = connect.current_org() AND d.queue_id = %(queue)s::uuid AND d.customer_id = k.customer_id
RETURNING d.customer_id;

-- left_due --
-- Queues that ended without their last batch (cancelled, or given up) and left figures to compute.
SELECT DISTINCT d.queue_id FROM promote.figures_due AS d
LEFT JOIN promote.sync_queue AS q ON q.org_id = d.org_id AND q.queue_id = d.queue_id
WHERE d.org_id = connect.current_org() AND coalesce(q.state, 'done') NOT IN ('draft', 'processing');

-- ends_with --
-- Whether a queue has no open lines but so many, and whether more figures are due than fit its last batch.
SELECT q.waiting + q.processing <= %(lines)s AS ends, EXISTS (
    SELECT 1 FROM promote.figures_due AS d
    WHERE d.org_id = q.org_id AND d.queue_id = q.queue_id OFFSET %(most)s) AS many
FROM promote.sync_queue AS q
WHERE q.org_id = connect.current_org() AND q.queue_id = %(queue)s::uuid;

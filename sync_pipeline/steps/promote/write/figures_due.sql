-- postpone --
INSERT INTO promote.figures_due (org_id, queue_id, customer_id)
SELECT connect.current_org(), %(queue)s::uuid, k.id FROM unnest(%(customers)s::bigint []) AS k (id)
ON CONFLICT DO NOTHING;

-- any_due --
SELECT EXISTS (
    SELECT 1 FROM promote.figures_due WHERE org_id = connect.current_org() AND queue_id = %(queue)s::uuid);

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
-- Whether a queue has no more open lines than these, and more figures are due than these.
SELECT q.waiting + q.processing <= %(lines)s AND EXISTS (
    SELECT 1 FROM promote.figures_due AS d
    WHERE d.org_id = q.org_id AND d.queue_id = q.queue_id OFFSET %(most)s)
FROM promote.sync_queue AS q
WHERE q.org_id = connect.current_org() AND q.queue_id = %(queue)s::uuid;

-- say_refused --
-- The first line of the queue that is behind each of these customers says why their figures are not renewed.
UPDATE promote.sync_queue_line AS l SET warnings = coalesce(l.warnings, '[]') || k.warnings
FROM (
    SELECT f.line_no, jsonb_agg(f.warning ORDER BY f.id) AS warnings
    FROM (
        SELECT c.id, c.warning, min(n.line_no) AS line_no
        FROM unnest(%(customers)s::bigint [], %(warnings)s::text []) AS c (id, warning)
        JOIN promote.integration_mapping AS m
            ON m.org_id = connect.current_org() AND (
                m.core_table = 'core.customers' AND m.internal_id = c.id
                OR m.core_table = 'core.sales_orders' AND m.internal_id IN (
                    SELECT o.id FROM core.sales_orders AS o
                    WHERE o.org_id = connect.current_org() AND o.customer_id = c.id))
        JOIN promote.sync_queue_line AS n
            ON n.org_id = m.org_id AND n.queue_id = %(queue)s::uuid AND n.connection_id = m.connection_id
                AND n.entity_type = m.entity_type AND n.external_id = m.external_id
        GROUP BY c.id, c.warning) AS f
    GROUP BY f.line_no) AS k
WHERE l.org_id = connect.current_org() AND l.queue_id = %(queue)s::uuid AND l.line_no = k.line_no;

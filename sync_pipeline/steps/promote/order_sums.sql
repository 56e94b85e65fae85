-- lines_of_orders --
-- Of these records of a plan that waits, orders and parts of orders that are records of their own, and the plan's other
-- records of the same orders: `of_orders` are the orders of each (connection, type, id). An order that has no such parts, and
-- whose provider's orders have none, is left out. `asked`: one of these records. Records are looked up by key, as a join
-- that is planned before the tables have statistics reads all rows for each.
WITH page AS MATERIALIZED (
    SELECT i.connection_id, i.entity_type, i.external_id
    FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [])
        AS k (connection_id, entity_type, external_id)
    JOIN selection.sync_plan AS p ON p.org_id = connect.current_org() AND p.plan_id = %(plan_id)s
    JOIN selection.sync_plan_item AS i
        ON i.org_id = p.org_id AND i.plan_id = p.plan_id AND i.connection_id = k.connection_id
            AND i.entity_type = k.entity_type AND i.external_id = k.external_id
    WHERE p.state IN ('proposed', 'approved')
        AND NOT EXISTS (SELECT 1 FROM promote.sync_queue AS q WHERE q.org_id = p.org_id AND q.plan_id = p.plan_id)
), orders AS MATERIALIZED (
    SELECT p.connection_id, p.entity_type, p.external_id FROM page AS p WHERE p.entity_type = ANY(%(orders)s::text [])
    UNION
    SELECT p.connection_id, o.entity_type, r.parent_id
    FROM page AS p
    CROSS JOIN LATERAL (
        SELECT c.parent_id FROM capture.sync_record AS c
        WHERE c.org_id = connect.current_org() AND c.connection_id = p.connection_id AND c.entity_type = p.entity_type
            AND c.external_id = p.external_id OFFSET 0) AS r
    CROSS JOIN unnest(%(orders)s::text []) AS o (entity_type)
    WHERE p.entity_type = ANY(%(parts)s::text []) AND r.parent_id IS NOT NULL
    UNION
    SELECT m.connection_id, m.entity_type, m.external_id
    FROM page AS p
    CROSS JOIN LATERAL (
        SELECT DISTINCT s.order_id FROM core.sales_order_items AS s
        WHERE s.org_id = connect.current_org() AND s.connection_id = p.connection_id AND s.entity_type = p.entity_type
            AND s.external_id = p.external_id COLLATE "C" OFFSET 0) AS i
    CROSS JOIN LATERAL (
        SELECT o.connection_id, o.entity_type, o.external_id FROM promote.integration_mapping AS o
        WHERE o.org_id = connect.current_org() AND o.core_table = 'core.sales_orders' AND o.internal_id = i.order_id
        OFFSET 0) AS m
    WHERE p.entity_type = ANY(%(parts)s::text [])
), parts AS MATERIALIZED (
    SELECT o.connection_id, r.entity_type, r.external_id, o.entity_type AS order_type, o.external_id AS order_id
    FROM orders AS o
    CROSS JOIN LATERAL (
        SELECT c.entity_type, c.external_id FROM capture.sync_record AS c
        WHERE c.org_id = connect.current_org() AND c.connection_id = o.connection_id
            AND c.entity_type = ANY(%(parts)s::text []) AND c.parent_id = o.external_id OFFSET 0) AS r
    UNION
    SELECT i.connection_id, i.entity_type, i.external_id, o.entity_type, o.external_id
    FROM orders AS o
    CROSS JOIN LATERAL (
        SELECT s.connection_id, s.entity_type, s.external_id
        FROM promote.integration_mapping AS m
        JOIN core.sales_order_items AS s ON s.org_id = m.org_id AND s.order_id = m.internal_id
        WHERE m.org_id = connect.current_org() AND m.connection_id = o.connection_id AND m.entity_type = o.entity_type
            AND m.external_id = o.external_id AND m.core_table = 'core.sales_orders' OFFSET 0) AS i
    WHERE i.entity_type = ANY(%(parts)s::text [])
), wanted AS (
    SELECT p.* FROM parts AS p
    UNION
    SELECT o.connection_id, o.entity_type, o.external_id, o.entity_type, o.external_id
    FROM orders AS o
    JOIN connect.integration_connector AS c ON c.org_id = connect.current_org() AND c.connection_id = o.connection_id
    WHERE c.provider = ANY(%(summed)s::text []) OR EXISTS (
        SELECT 1 FROM parts AS p
        WHERE p.connection_id = o.connection_id AND p.order_type = o.entity_type AND p.order_id = o.external_id)
)
SELECT i.connection_id, i.entity_type, i.external_id, i.action, i.content_hash,
       array_agg(DISTINCT concat_ws(' ', w.connection_id, w.order_type, w.order_id)) AS of_orders,
       EXISTS (SELECT 1 FROM page AS p
               WHERE p.connection_id = i.connection_id AND p.entity_type = i.entity_type
                   AND p.external_id = i.external_id) AS asked
FROM wanted AS w
CROSS JOIN LATERAL (
    SELECT o.connection_id, o.entity_type, o.external_id, o.action, o.content_hash FROM selection.sync_plan_item AS o
    WHERE o.org_id = connect.current_org() AND o.plan_id = %(plan_id)s AND o.connection_id = w.connection_id
        AND o.entity_type = w.entity_type AND o.external_id = w.external_id OFFSET 0) AS i
GROUP BY i.connection_id, i.entity_type, i.external_id, i.action, i.content_hash;

-- orders_of_parts --
-- The orders' rows that these records are parts of.
SELECT DISTINCT i.connection_id, i.entity_type, i.external_id, i.order_id
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [])
    AS k (connection_id, entity_type, external_id)
JOIN core.sales_order_items AS i
    ON i.org_id = connect.current_org() AND i.connection_id = k.connection_id AND i.entity_type = k.entity_type
        AND i.external_id = k.external_id COLLATE "C"
WHERE i.order_id IS NOT NULL;

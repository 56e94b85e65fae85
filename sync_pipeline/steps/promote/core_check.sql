-- mapped_types --
-- The kinds of records that are in core, and how many of each an older mapper has mapped.
SELECT m.connection_id, m.entity_type, m.provider FROM promote.integration_mapping AS m
WHERE m.org_id = connect.current_org()
GROUP BY m.connection_id, m.entity_type, m.provider;

-- older_mapped --
SELECT count(*) FROM promote.integration_mapping AS m
WHERE m.org_id = connect.current_org() AND m.connection_id = %(connection_id)s AND m.entity_type = %(entity_type)s
    AND NOT m.promoted_deleted AND m.mapper IS DISTINCT FROM %(mapper)s;

-- lines_again --
-- The next records that are in core, as lines of a queue that exists in this transaction alone.
INSERT INTO promote.sync_queue_line
    (org_id, queue_id, line_no, stage, connection_id, entity_type, external_id, action, content_hash)
SELECT m.org_id, %(queue)s::uuid, row_number() OVER (ORDER BY m.external_id), 1, m.connection_id, m.entity_type,
       m.external_id, CASE WHEN m.promoted_deleted THEN 'delete' ELSE 'update' END, m.promoted_hash
FROM promote.integration_mapping AS m
WHERE m.org_id = connect.current_org() AND m.connection_id = %(connection_id)s AND m.entity_type = %(entity_type)s
    AND m.external_id > %(after)s COLLATE "C" AND (m.promoted_deleted OR m.mapper = %(mapper)s)
ORDER BY m.external_id LIMIT %(size)s;

-- versions_again --
-- These records with their promoted versions, and how they are mapped.
SELECT l.line_no, l.connection_id, l.entity_type, l.external_id, l.action, l.content_hash,
       CASE WHEN l.action = 'delete' THEN NULL
            WHEN r.content_hash = l.content_hash THEN r.sync_data::text ELSE (
                SELECT h.sync_data::text FROM capture.record_history AS h
                WHERE h.org_id = l.org_id AND h.connection_id = l.connection_id AND h.entity_type = l.entity_type
                    AND h.external_id = l.external_id AND h.content_hash = l.content_hash) END AS payload,
       r.parent_id, m.internal_id, m.core_table, m.core_wins, m.sku_set_aside, m.claim, m.promoted_deleted,
       m.entity_hash
FROM promote.sync_queue_line AS l
JOIN promote.integration_mapping AS m
    ON m.org_id = l.org_id AND m.connection_id = l.connection_id AND m.entity_type = l.entity_type
        AND m.external_id = l.external_id
LEFT JOIN capture.sync_record AS r
    ON r.org_id = l.org_id AND r.connection_id = l.connection_id AND r.entity_type = l.entity_type
        AND r.external_id = l.external_id AND r.provider = m.provider
WHERE l.org_id = connect.current_org() AND l.queue_id = %(queue)s::uuid
ORDER BY l.line_no;

-- stray_parts --
-- Rows that are parts of a record that is not in core.
SELECT '{table}' AS table_name, t.id, t.connection_id, t.entity_type, t.external_id FROM {table} AS t
WHERE t.org_id = connect.current_org() AND t.deleted_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM promote.integration_mapping AS m
    WHERE m.org_id = t.org_id AND m.connection_id = t.connection_id AND m.entity_type = t.entity_type
        AND m.external_id = t.external_id AND NOT m.promoted_deleted)
ORDER BY t.id LIMIT %(most)s;

-- rows_of_nobody --
-- Live rows that no record is mapped to, which a record has left or that are guests without an order. Rows that people
-- made are neither.
SELECT '{table}' AS table_name, t.id FROM {table} AS t
WHERE t.org_id = connect.current_org() AND t.deleted_at IS NULL AND t.metadata ?| ARRAY['merged_into', 'guest']
    AND NOT EXISTS (
        SELECT 1 FROM promote.integration_mapping AS m
        WHERE m.org_id = t.org_id AND m.core_table = '{table}' AND m.internal_id = t.id)
    AND NOT EXISTS (
        SELECT 1 FROM promote.integration_mapping AS m
        WHERE m.org_id = t.org_id AND m.core_table = 'core.sales_orders' AND m.claim = t.{match}_key
            AND NOT m.promoted_deleted)
ORDER BY t.id LIMIT %(most)s;

-- records_behind --
-- The records that are mapped to rows, and the orders that name a customer whom no record is mapped to.
SELECT m.internal_id AS id, m.connection_id, m.entity_type, m.external_id
FROM promote.integration_mapping AS m
WHERE m.org_id = connect.current_org() AND m.core_table = %(table)s AND m.internal_id = ANY(%(ids)s::bigint [])
UNION ALL
SELECT o.customer_id, m.connection_id, m.entity_type, m.external_id
FROM core.sales_orders AS o
JOIN promote.integration_mapping AS m
    ON m.org_id = o.org_id AND m.core_table = 'core.sales_orders' AND m.internal_id = o.id
WHERE o.org_id = connect.current_org() AND %(table)s = 'core.customers' AND o.customer_id = ANY(%(ids)s::bigint [])
    AND NOT EXISTS (
        SELECT 1 FROM promote.integration_mapping AS c
        WHERE c.org_id = o.org_id AND c.core_table = 'core.customers' AND c.internal_id = o.customer_id);

-- fill_repair_plan --
-- What core has of these records is written once more, whatever was captured or decided since. `fields`: what that
-- changes in core.
INSERT INTO selection.sync_plan_item
    (org_id, plan_id, connection_id, entity_type, external_id, action, content_hash, promoted_hash, promoted_deleted,
     followed)
SELECT m.org_id, %(plan_id)s, m.connection_id, m.entity_type, m.external_id,
       CASE WHEN m.promoted_deleted THEN 'delete' ELSE 'update' END, m.promoted_hash, m.promoted_hash, m.promoted_deleted,
       CASE WHEN k.fields <> '{}' THEN jsonb_build_object('fields', k.fields) END
FROM promote.integration_mapping AS m
JOIN unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [], %(fields)s::jsonb [])
    AS k (connection_id, entity_type, external_id, fields)
    ON m.connection_id = k.connection_id AND m.entity_type = k.entity_type AND m.external_id = k.external_id COLLATE "C"
WHERE m.org_id = connect.current_org();

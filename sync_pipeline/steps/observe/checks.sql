-- fresh --
-- Connections from which nothing was pulled for a while.
SELECT
    c.provider AS place, c.name AS connection, count(*) AS found, (array_agg(c.name || coalesce(
        ': not since ' || to_char(c.last_sync_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC', ': never pulled')
        ORDER BY c.name)) [1:10] AS sample
FROM connect.integration_connector AS c
WHERE c.org_id = connect.current_org() AND c.disabled_at IS NULL
    AND coalesce(c.last_sync_at, c.created_at) < now() - make_interval(secs => %(stale_seconds)s)
GROUP BY 1, 2
ORDER BY 1, 2

-- ledger_closed --
-- Entities whose newest run failed, has been open for hours, or was killed: whoever pulls holds the entity's lock.
WITH held AS MATERIALIZED (SELECT key FROM observe.held_lock)
SELECT
    n.provider || '/' || n.entity_type AS place, n.connection, count(*) AS found,
    (array_agg(n.connection || CASE
        WHEN n.state = 'failed' THEN coalesce(': ' || n.error, '') ELSE ': its pull ended before it was done' END)
    ) [1:10] AS sample
FROM (
    SELECT c.provider, e.connection_id, e.entity_type, c.name AS connection, l.state, l.error, l.started_at
    FROM capture.entity_with_runs AS e
    INNER JOIN connect.integration_connector AS c
        ON c.org_id = e.org_id AND c.connection_id = e.connection_id AND c.disabled_at IS NULL
    CROSS JOIN LATERAL (
        SELECT r.state, r.error, r.started_at FROM capture.sync_ledger AS r
        WHERE r.org_id = e.org_id AND r.connection_id = e.connection_id AND r.entity_type = e.entity_type
            AND r.mode IN ('full', 'delta')
        ORDER BY r.run_id DESC LIMIT 1
    ) AS l
) AS n
WHERE n.state = 'failed' OR (n.state = 'open' AND (
    n.started_at < now() - interval '6 hours' OR (
        n.started_at < now() - interval '1 minute' AND hashtextextended(
            'capture/' || connect.current_org() || '/' || n.connection_id || '/' || n.entity_type, 0
        ) NOT IN (SELECT key FROM held))))
GROUP BY 1, 2
ORDER BY 1, 2

-- nothing_in_quarantine --
SELECT
    c.provider || '/' || q.entity_type AS place, c.name AS connection, count(*) AS found,
    (array_agg(c.name || ' ' || q.external_id || ': ' || left(q.reason, 120) ORDER BY q.quarantine_id)) [1:10] AS sample
FROM capture.sync_quarantine AS q
INNER JOIN connect.integration_connector AS c ON c.org_id = q.org_id AND c.connection_id = q.connection_id
WHERE q.org_id = connect.current_org() AND q.resolved_at IS NULL AND c.disabled_at IS NULL
GROUP BY 1, 2
ORDER BY 1, 2

-- compared_since --
-- Entities with records that changed and were not compared since. What a comparison saw, its time does not tell: it waits
-- for locks after it has begun, and what is written meanwhile commits later than it was written.
SELECT
    c.provider || '/' || r.entity_type AS place, c.name AS connection, count(*) AS found,
    (array_agg(c.name)) [1:10] AS sample
FROM capture.sync_cursor AS r
INNER JOIN connect.integration_connector AS c ON c.org_id = r.org_id AND c.connection_id = r.connection_id
LEFT JOIN preview.summary AS s
    ON s.org_id = r.org_id AND s.connection_id = r.connection_id AND s.entity_type = r.entity_type
WHERE r.org_id = connect.current_org() AND c.disabled_at IS NULL
    AND r.changed_at < now() - interval '30 minutes'
    AND s.changed_at IS DISTINCT FROM r.changed_at
GROUP BY 1, 2
ORDER BY 1, 2

-- no_schema_drift --
SELECT
    c.provider || '/' || s.entity_type AS place, c.name AS connection, sum(jsonb_array_length(s.drift)) AS found,
    (array_agg(c.name || ': ' || left(s.drift::text, 200) ORDER BY c.name)) [1:10] AS sample
FROM preview.summary AS s
INNER JOIN connect.integration_connector AS c ON c.org_id = s.org_id AND c.connection_id = s.connection_id
WHERE s.org_id = connect.current_org() AND c.disabled_at IS NULL AND jsonb_array_length(s.drift) > 0
GROUP BY 1, 2
ORDER BY 1, 2

-- selections_promoted --
-- Committed selections without a plan after ten minutes.
SELECT
    c.provider || '/' || b.entity_type AS place, c.name AS connection, count(*) AS found,
    (array_agg(c.name || ': selection ' || b.batch_id::text || ', ' || b.records::text || ' records'
        ORDER BY b.batch_id)) [1:10] AS sample
FROM selection.selection_batch AS b
INNER JOIN connect.integration_connector AS c ON c.org_id = b.org_id AND c.connection_id = b.connection_id
WHERE b.org_id = connect.current_org() AND selection.waits_for_sensor(b, c)
    AND b.decided_at < now() - interval '10 minutes'
GROUP BY 1, 2
ORDER BY 1, 2

-- no_orphan_mapping --
-- Mappings without their core row. The rows come from `core_ids` of every table.
SELECT
    m.core_table AS place, count(*) AS found,
    (array_agg(m.entity_type || ' ' || m.external_id || ' → ' || m.internal_id::text
        ORDER BY m.connection_id, m.entity_type, m.external_id)) [1:10] AS sample
FROM promote.integration_mapping AS m
LEFT JOIN ({rows}) AS t ON t.core_table = m.core_table AND t.id = m.internal_id
WHERE m.org_id = connect.current_org() AND t.id IS NULL
GROUP BY 1

-- money_adds_up --
-- Orders whose items do not add up to their total. A difference that the store itself has is noted in metadata; one that
-- there is because lines of the order differ from core is core's.
WITH orders AS (
    SELECT o.id, o.number, o.total, i.items,
           coalesce((o.metadata ->> 'items_difference')::numeric, 0) AS noted
    FROM core.sales_orders AS o
    LEFT JOIN (
        SELECT order_id, sum(total) AS items FROM core.sales_order_items
        WHERE org_id = connect.current_org() AND item_type <> 'refund' AND deleted_at IS NULL
        GROUP BY order_id) AS i ON i.order_id = o.id
    WHERE o.org_id = connect.current_org() AND o.deleted_at IS NULL
), lines AS (
    SELECT m.internal_id AS id, count(*) AS differ
    FROM preview.difference AS d
    INNER JOIN connect.integration_connector AS c ON c.org_id = d.org_id AND c.connection_id = d.connection_id
    INNER JOIN capture.sync_record AS r
        ON r.org_id = d.org_id AND r.provider = c.provider AND r.connection_id = d.connection_id
            AND r.entity_type = d.entity_type AND r.external_id = d.external_id
    INNER JOIN promote.integration_mapping AS m
        ON m.org_id = r.org_id AND m.connection_id = r.connection_id AND m.entity_type = 'order'
            AND m.external_id = r.parent_id AND m.core_table = 'core.sales_orders'
    WHERE d.org_id = connect.current_org() AND d.entity_type = ANY(%(order_lines)s::text [])
    GROUP BY m.internal_id
)
SELECT 'core.sales_orders' AS place, count(*) AS found, (array_agg(
    n.number || ': total ' || n.total::text || ', items ' || coalesce(n.items, 0)::text
    || coalesce(', ' || l.differ::text || CASE l.differ WHEN 1 THEN ' line differs' ELSE ' lines differ' END
        || ' from core', '') ORDER BY n.id)) [1:10] AS sample
FROM orders AS n LEFT JOIN lines AS l ON l.id = n.id
WHERE n.items + n.noted <> n.total OR (l.differ > 0 AND coalesce(n.items, 0) <> n.total)
HAVING count(*) > 0

-- no_line_waits --
-- Records that failed in a promotion and wait for a person.
SELECT
    c.provider || '/' || l.entity_type AS place, c.name AS connection, count(*) AS found,
    (array_agg(l.external_id || ': ' || left(l.reason, 160) ORDER BY l.line_no)) [1:10] AS sample
FROM promote.sync_queue AS q
INNER JOIN promote.sync_queue_line AS l ON l.org_id = q.org_id AND l.queue_id = q.queue_id
INNER JOIN connect.integration_connector AS c ON c.org_id = l.org_id AND c.connection_id = l.connection_id
WHERE q.org_id = connect.current_org() AND q.state IN ('partial', 'failed') AND q.failed > 0 AND NOT q.forced
    AND q.undone_at IS NULL AND l.state = 'failed' AND q.created_at > now() - interval '30 days'
    AND NOT EXISTS (
        SELECT 1 FROM promote.integration_mapping AS m
        WHERE m.org_id = l.org_id AND m.connection_id = l.connection_id AND m.entity_type = l.entity_type
            AND m.external_id = l.external_id AND m.last_promoted_at > q.created_at
    )
GROUP BY 1, 2
ORDER BY 1, 2

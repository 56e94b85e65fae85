-- figures_that_wait --
-- The captured orders of customers, when their figures were renewed, and whether they wait: a captured order or refund is
-- newer than the figures, or the store's list of whom such an order names is. Promoting one of their records, or an order
-- that is linked to them, renews them. A minute is left for what was being captured while they were renewed.
WITH records AS (
    SELECT k.id, m.connection_id, m.entity_type, m.external_id, m.last_promoted_at, m.claim
    FROM unnest(%(rows)s::bigint []) AS k (id)
    JOIN promote.integration_mapping AS m
        ON m.org_id = connect.current_org() AND m.core_table = 'core.customers' AND m.internal_id = k.id
    UNION ALL
    SELECT k.id, m.connection_id, m.entity_type, m.external_id, m.last_promoted_at, NULL
    FROM unnest(%(rows)s::bigint []) AS k (id)
    JOIN core.customer_addresses AS a ON a.org_id = connect.current_org() AND a.customer_id = k.id
    JOIN promote.integration_mapping AS m
        ON m.org_id = a.org_id AND m.core_table = 'core.customer_addresses' AND m.internal_id = a.id
), emails AS (
    SELECT r.id, r.claim AS email FROM records AS r WHERE r.claim IS NOT NULL
    UNION
    SELECT r.id, f.email FROM records AS r
    JOIN capture.former_email AS f
        ON f.org_id = connect.current_org() AND f.connection_id = r.connection_id AND f.entity_type = r.entity_type
            AND f.external_id = r.external_id
    UNION
    SELECT c.id, c.email_key FROM core.customers AS c
    WHERE c.org_id = connect.current_org() AND c.id = ANY(%(rows)s::bigint []) AND c.email_key IS NOT NULL
), sales AS (
    SELECT b.id, r.connection_id, r.provider, r.entity_type, r.external_id, r.content_hash, r.deletion_state, r.captured_at,
           r.deletion_at, false AS linked
    FROM records AS b
    CROSS JOIN unnest(%(orders)s::text []) AS t (entity_type)
    JOIN capture.sync_record AS r
        ON r.org_id = connect.current_org() AND r.connection_id = b.connection_id AND r.entity_type = t.entity_type
            AND r.parent_id = b.external_id
    UNION
    SELECT e.id, r.connection_id, r.provider, r.entity_type, r.external_id, r.content_hash, r.deletion_state, r.captured_at,
           r.deletion_at, false
    FROM emails AS e
    CROSS JOIN unnest(%(orders)s::text []) AS t (entity_type)
    JOIN capture.sync_record AS r
        ON r.org_id = connect.current_org() AND r.entity_type = t.entity_type AND r.email = e.email COLLATE "C"
    UNION
    SELECT o.customer_id, r.connection_id, r.provider, r.entity_type, r.external_id, r.content_hash, r.deletion_state,
           r.captured_at, r.deletion_at, true
    FROM core.sales_orders AS o
    JOIN promote.integration_mapping AS m
        ON m.org_id = o.org_id AND m.core_table = 'core.sales_orders' AND m.internal_id = o.id
    JOIN capture.sync_record AS r
        ON r.org_id = m.org_id AND r.connection_id = m.connection_id AND r.entity_type = m.entity_type
            AND r.external_id = m.external_id
    WHERE o.org_id = connect.current_org() AND o.customer_id = ANY(%(rows)s::bigint [])
    UNION
    SELECT e.id, r.connection_id, r.provider, r.entity_type, r.external_id, r.content_hash, r.deletion_state, r.captured_at,
           r.deletion_at, false
    FROM emails AS e
    JOIN capture.former_email AS f ON f.org_id = connect.current_org() AND f.email = e.email COLLATE "C"
    JOIN capture.sync_record AS r
        ON r.org_id = f.org_id AND r.connection_id = f.connection_id AND r.entity_type = f.entity_type
            AND r.external_id = f.external_id AND r.entity_type = ANY(%(orders)s::text [])
    UNION
    SELECT b.id, r.connection_id, r.provider, r.entity_type, r.external_id, r.content_hash, r.deletion_state, r.captured_at,
           r.deletion_at, false
    FROM records AS b
    CROSS JOIN unnest(%(orders)s::text []) AS t (entity_type)
    CROSS JOIN unnest(%(fields)s::text []) AS p (field)
    JOIN capture.record_history AS h
        ON h.org_id = connect.current_org() AND h.connection_id = b.connection_id AND h.entity_type = t.entity_type
            AND coalesce(h.sync_data -> p.field ->> 0, h.sync_data ->> p.field) = b.external_id
    JOIN capture.sync_record AS r
        ON r.org_id = h.org_id AND r.connection_id = h.connection_id AND r.entity_type = h.entity_type
            AND r.external_id = h.external_id
), events AS (
    SELECT * FROM sales
    UNION ALL
    SELECT s.id, r.connection_id, r.provider, r.entity_type, r.external_id, r.content_hash, r.deletion_state, r.captured_at,
           r.deletion_at, s.linked
    FROM sales AS s
    CROSS JOIN unnest(%(refunds)s::text []) AS t (entity_type)
    JOIN capture.sync_record AS r
        ON r.org_id = connect.current_org() AND r.connection_id = s.connection_id AND r.entity_type = t.entity_type
            AND r.parent_id = s.external_id
), known AS (
    -- One that is gone and not in core is promoted by nobody: what it changed is settled when a promotion begins.
    SELECT e.id, e.captured_at, e.deletion_at, e.linked, m.last_promoted_at,
           preview.differs(e.content_hash, e.deletion_state = 'deleted', m.promoted_hash, m.promoted_deleted)
           OR (e.deletion_state = 'deleted' AND EXISTS (
               SELECT 1 FROM capture.deletion_change AS d
               WHERE d.org_id = connect.current_org() AND d.connection_id = e.connection_id
                   AND d.entity_type = e.entity_type AND d.external_id = e.external_id)) AS differs
    FROM events AS e
    LEFT JOIN promote.integration_mapping AS m
        ON m.org_id = connect.current_org() AND m.connection_id = e.connection_id AND m.entity_type = e.entity_type
            AND m.external_id = e.external_id
    UNION ALL
    SELECT s.id, b.first_captured_at, b.deletion_at, false, NULL, true
    FROM sales AS s
    JOIN capture.sync_record AS r
        ON r.org_id = connect.current_org() AND r.connection_id = s.connection_id AND r.entity_type = s.entity_type
            AND r.external_id = s.external_id AND r.provider = s.provider
    CROSS JOIN unnest(%(buyers)s::text []) AS t (entity_type)
    JOIN capture.sync_record AS b
        ON b.org_id = r.org_id AND b.connection_id = r.connection_id AND b.entity_type = t.entity_type
            AND b.external_id = r.parent_id
    WHERE NOT EXISTS (
        SELECT 1 FROM promote.integration_mapping AS m
        WHERE m.org_id = b.org_id AND m.connection_id = b.connection_id AND m.entity_type = b.entity_type
            AND m.external_id = b.external_id)
), renewed AS (
    SELECT a.id, max(a.at) AS at
    FROM (SELECT id, last_promoted_at AS at FROM records UNION ALL SELECT id, last_promoted_at FROM known WHERE linked) AS a
    GROUP BY a.id
), waiting AS (
    SELECT DISTINCT k.id FROM known AS k LEFT JOIN renewed AS n ON n.id = k.id
    WHERE k.differs AND greatest(k.captured_at, k.deletion_at) > coalesce(n.at, '-infinity') - interval '1 minute'
    UNION
    SELECT d.customer_id FROM promote.figures_due AS d
    WHERE d.org_id = connect.current_org() AND d.customer_id = ANY(%(rows)s::bigint []))
SELECT k.id, n.at - interval '1 minute' AS at, w.id IS NOT NULL AS waits, s.connection_id, s.provider, s.entity_type,
       s.external_id
FROM unnest(%(rows)s::bigint []) AS k (id)
LEFT JOIN renewed AS n ON n.id = k.id
LEFT JOIN waiting AS w ON w.id = k.id
LEFT JOIN sales AS s ON s.id = k.id AND w.id IS NULL
ORDER BY k.id;

-- captured_payloads --
SELECT r.connection_id, r.provider, r.entity_type, r.sync_data::text AS payload, r.parent_id
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text []) AS k (connection_id, entity_type, external_id)
JOIN capture.sync_record AS r
    ON r.org_id = connect.current_org() AND r.connection_id = k.connection_id AND r.entity_type = k.entity_type
        AND r.external_id = k.external_id
ORDER BY r.connection_id, r.entity_type, r.external_id;

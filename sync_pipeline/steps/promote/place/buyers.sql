-- not_waited_for --
-- Which of these records the store does not have: they were deleted, or are not in its list, which was read whole. And
-- those that an order (`orders`; 0: none) named before, when it found its buyer without them: the link still waits.
SELECT k.n
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [], %(orders)s::bigint [])
    WITH ORDINALITY AS k (connection_id, entity_type, external_id, order_id, n)
LEFT JOIN LATERAL (
    SELECT r.deletion_state FROM capture.sync_record AS r
    WHERE r.org_id = connect.current_org() AND r.connection_id = k.connection_id AND r.entity_type = k.entity_type
        AND r.external_id = k.external_id COLLATE "C" LIMIT 1) AS c ON true
WHERE c.deletion_state = 'deleted' OR c.deletion_state IS NULL AND EXISTS (
    SELECT 1 FROM capture.sync_cursor AS r
    WHERE r.org_id = connect.current_org() AND r.connection_id = k.connection_id AND r.entity_type = k.entity_type
        AND r.full_at IS NOT NULL)
    OR k.order_id <> 0 AND EXISTS (
        SELECT 1 FROM promote.pending_link AS p
        WHERE p.org_id = connect.current_org() AND p.from_table = 'core.sales_orders' AND p.from_id = k.order_id
            AND p.relation = 'customer_id' AND p.connection_id = k.connection_id AND p.entity_type = k.entity_type
            AND p.external_id = k.external_id COLLATE "C");

-- has_deletion_changes --
SELECT EXISTS (SELECT 1 FROM capture.deletion_change WHERE org_id = connect.current_org());

-- take_deletion_changes --
-- What records concern that were deleted, or came back, or are again what was promoted, since the last promotion. They are
-- settled with this. `waits`: orders
-- that wait for them (their customer); `refunds`: promoted orders of which they are refunds that nobody promoted; `sale`:
-- the orders and refunds among them; `buyer`: the customers.
WITH taken AS (
    DELETE FROM capture.deletion_change WHERE org_id = connect.current_org()
    RETURNING connection_id, entity_type, external_id)
SELECT DISTINCT m.connection_id, m.entity_type, m.external_id, m.internal_id, 'waits' AS concern
FROM taken AS t
JOIN promote.pending_link AS p
    ON p.org_id = connect.current_org() AND p.connection_id = t.connection_id AND p.entity_type = t.entity_type
        AND t.external_id IN (p.external_id, '')
JOIN promote.integration_mapping AS m
    ON m.org_id = p.org_id AND m.core_table = 'core.sales_orders' AND m.internal_id = p.from_id
WHERE p.from_table = 'core.sales_orders' AND p.relation = 'customer_id' AND m.claim IS NULL AND NOT m.promoted_deleted
UNION ALL
SELECT DISTINCT m.connection_id, m.entity_type, m.external_id, m.internal_id, 'refunds'
FROM taken AS t
JOIN capture.sync_record AS r
    ON r.org_id = connect.current_org() AND r.connection_id = t.connection_id AND r.entity_type = t.entity_type
        AND r.external_id = t.external_id
JOIN promote.integration_mapping AS m
    ON m.org_id = r.org_id AND m.connection_id = r.connection_id AND m.entity_type = ANY(%(orders)s::text [])
        AND m.external_id = r.parent_id AND m.core_table = 'core.sales_orders' AND NOT m.promoted_deleted
WHERE t.entity_type = ANY(%(refunds)s::text []) AND NOT EXISTS (
    SELECT 1 FROM promote.integration_mapping AS p
    WHERE p.org_id = r.org_id AND p.connection_id = r.connection_id AND p.entity_type = r.entity_type
        AND p.external_id = r.external_id)
UNION ALL
SELECT t.connection_id, t.entity_type, t.external_id, NULL::bigint,
       CASE WHEN t.entity_type = ANY(%(buyers)s::text []) THEN 'buyer' ELSE 'sale' END
FROM taken AS t
WHERE t.external_id <> '' AND t.entity_type = ANY(%(orders)s::text [] || %(refunds)s::text [] || %(buyers)s::text []);

-- nothing_to_promote --
-- Of these orders, and those of these refunds, the ones where the record is gone and not in core, or is what is promoted:
-- no promotion renews the figures that count them.
SELECT DISTINCT o.connection_id, o.entity_type, o.external_id
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text []) AS k (connection_id, entity_type, external_id)
JOIN capture.sync_record AS r
    ON r.org_id = connect.current_org() AND r.connection_id = k.connection_id AND r.entity_type = k.entity_type
        AND r.external_id = k.external_id COLLATE "C"
LEFT JOIN promote.integration_mapping AS m
    ON m.org_id = r.org_id AND m.connection_id = r.connection_id AND m.entity_type = r.entity_type
        AND m.external_id = r.external_id
JOIN capture.sync_record AS o
    ON o.org_id = r.org_id AND o.connection_id = r.connection_id AND o.entity_type = ANY(%(orders)s::text [])
        AND o.external_id = CASE WHEN r.entity_type = ANY(%(refunds)s::text []) THEN r.parent_id ELSE r.external_id END
WHERE r.entity_type = ANY(%(orders)s::text [] || %(refunds)s::text [])
    AND NOT preview.differs(r.content_hash, r.deletion_state = 'deleted', m.promoted_hash, m.promoted_deleted);

-- fold --
SELECT k.n, core.fold(k.value) AS folded FROM unnest(%(values)s::text []) WITH ORDINALITY AS k (value, n);

-- claim_orders --
-- These orders belong to whoever their buyer's e-mail leads to.
UPDATE promote.integration_mapping AS m SET claim = k.claim
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [], %(claims)s::text [])
    AS k (connection_id, entity_type, external_id, claim)
WHERE m.org_id = connect.current_org() AND m.connection_id = k.connection_id AND m.entity_type = k.entity_type
    AND m.external_id = k.external_id COLLATE "C";

-- unclaim_orders --
-- Orders whose customer came: they belong to that one. Returns the e-mails that led to their buyers until now.
WITH unclaimed AS (
    UPDATE promote.integration_mapping AS m SET claim = NULL, queue_id = coalesce(%(queue)s::uuid, m.queue_id)
    FROM (
        SELECT e.connection_id, e.entity_type, e.external_id, e.claim FROM promote.integration_mapping AS e
        WHERE e.org_id = connect.current_org() AND e.core_table = 'core.sales_orders'
            AND e.internal_id = ANY(%(rows)s::bigint []) AND e.claim IS NOT NULL) AS k
    WHERE m.org_id = connect.current_org() AND m.connection_id = k.connection_id AND m.entity_type = k.entity_type
        AND m.external_id = k.external_id
    RETURNING k.claim)
SELECT DISTINCT claim FROM unclaimed;

-- former_emails --
-- The addresses that these records had, `now`: and the one that they have.
SELECT f.email
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text []) AS k (connection_id, entity_type, external_id)
JOIN capture.former_email AS f
    ON f.org_id = connect.current_org() AND f.connection_id = k.connection_id AND f.entity_type = k.entity_type
        AND f.external_id = k.external_id COLLATE "C"
UNION
SELECT r.email
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text []) AS k (connection_id, entity_type, external_id)
JOIN capture.sync_record AS r
    ON r.org_id = connect.current_org() AND r.connection_id = k.connection_id AND r.entity_type = k.entity_type
        AND r.external_id = k.external_id COLLATE "C"
WHERE %(now)s AND r.email IS NOT NULL;

-- buyers --
-- Of each e-mail: the customer it leads to; the row of a guest who has it (one that no record is mapped to), a live one
-- before a deleted one, but none that a record has left; the lowest of the live orders that claim it. E-mails with none of the last two need nothing.
SELECT k.n, o.internal_id AS owner, g.id AS guest, g.deleted AS guest_deleted, g.made AS guest_made,
       a.connection_id, a.entity_type, a.external_id
FROM unnest(%(emails)s::text []) WITH ORDINALITY AS k (email, n)
LEFT JOIN LATERAL (
    SELECT m.connection_id, m.entity_type, m.external_id FROM promote.integration_mapping AS m
    WHERE m.org_id = connect.current_org() AND m.core_table = 'core.sales_orders' AND m.claim = k.email COLLATE "C"
        AND NOT m.promoted_deleted
    ORDER BY m.connection_id, length(m.external_id), m.external_id, m.entity_type LIMIT 1) AS a ON true
LEFT JOIN LATERAL (
    SELECT c.id, c.deleted_at IS NOT NULL AS deleted, c.metadata ? 'guest' AS made FROM core.customers AS c
    WHERE c.org_id = connect.current_org() AND c.email_key = k.email COLLATE "C"
        AND (c.deleted_at IS NULL OR c.metadata ? 'guest') AND NOT EXISTS (
        SELECT 1 FROM promote.integration_mapping AS m
        WHERE m.org_id = c.org_id AND m.core_table = 'core.customers' AND m.internal_id = c.id)
    ORDER BY c.deleted_at IS NOT NULL, c.id LIMIT 1) AS g ON true
LEFT JOIN LATERAL promote.email_owner(k.email) AS o ON true
WHERE a.external_id IS NOT NULL OR g.id IS NOT NULL;

-- promoted_orders --
-- The promoted versions of these orders.
SELECT k.n, m.connection_id, m.provider, m.entity_type, m.external_id,
       CASE WHEN r.content_hash = m.promoted_hash THEN r.sync_data::text ELSE (
           SELECT h.sync_data::text FROM capture.record_history AS h
           WHERE h.org_id = m.org_id AND h.connection_id = m.connection_id AND h.entity_type = m.entity_type
               AND h.external_id = m.external_id AND h.content_hash = m.promoted_hash) END AS payload,
       r.parent_id
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [])
    WITH ORDINALITY AS k (connection_id, entity_type, external_id, n)
JOIN promote.integration_mapping AS m
    ON m.org_id = connect.current_org() AND m.connection_id = k.connection_id AND m.entity_type = k.entity_type
        AND m.external_id = k.external_id COLLATE "C"
LEFT JOIN capture.sync_record AS r
    ON r.org_id = m.org_id AND r.connection_id = m.connection_id AND r.entity_type = m.entity_type
        AND r.external_id = m.external_id AND r.provider = m.provider;

-- follow_buyers --
-- The orders that claim these e-mails belong to these customers; returns those they belonged to.
UPDATE core.sales_orders AS o
SET customer_id = k.customer, updated_at = now(), queue_id = coalesce(%(queue)s::uuid, o.queue_id)
FROM unnest(%(emails)s::text [], %(customers)s::bigint []) AS k (email, customer)
JOIN promote.integration_mapping AS m
    ON m.org_id = connect.current_org() AND m.core_table = 'core.sales_orders' AND m.claim = k.email COLLATE "C"
        AND NOT m.promoted_deleted
WHERE o.org_id = connect.current_org() AND o.id = m.internal_id AND o.customer_id IS DISTINCT FROM k.customer
RETURNING old.customer_id AS former, new.customer_id AS current;

-- earlier_buyers --
-- Customers whom an earlier captured version of these orders named, `now`: or the last one: their figures may count them.
SELECT DISTINCT coalesce(a.customer_id, m.internal_id) AS customer
FROM (
    SELECT h.org_id, h.connection_id, coalesce(h.sync_data -> f.field ->> 0, h.sync_data ->> f.field) COLLATE "C" AS named
    FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [])
        AS k (connection_id, entity_type, external_id)
    JOIN capture.record_history AS h
        ON h.org_id = connect.current_org() AND h.connection_id = k.connection_id AND h.entity_type = k.entity_type
            AND h.external_id = k.external_id COLLATE "C"
    CROSS JOIN unnest(%(fields)s::text []) AS f (field)
    UNION
    SELECT r.org_id, r.connection_id, r.parent_id
    FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [])
        AS k (connection_id, entity_type, external_id)
    JOIN capture.sync_record AS r
        ON r.org_id = connect.current_org() AND r.connection_id = k.connection_id AND r.entity_type = k.entity_type
            AND r.external_id = k.external_id COLLATE "C"
    WHERE %(now)s) AS n
JOIN promote.integration_mapping AS m
    ON m.org_id = n.org_id AND m.connection_id = n.connection_id AND m.entity_type = ANY(%(buyers)s::text [])
        AND m.external_id = n.named
LEFT JOIN core.customer_addresses AS a
    ON m.core_table = 'core.customer_addresses' AND a.org_id = m.org_id AND a.id = m.internal_id
WHERE m.core_table = 'core.customers' OR a.customer_id IS NOT NULL;

-- related_customers --
-- Customers who have one of these e-mails, or had it, guests too: an order that counts for one may have counted for another.
SELECT c.id FROM core.customers AS c
WHERE c.org_id = connect.current_org() AND c.email_key = ANY(%(emails)s::text []) AND c.deleted_at IS NULL
UNION
SELECT m.internal_id FROM promote.integration_mapping AS m
WHERE m.org_id = connect.current_org() AND m.core_table = 'core.customers' AND m.claim = ANY(%(emails)s::text [])
    AND NOT m.promoted_deleted
UNION
SELECT m.internal_id FROM capture.former_email AS f
JOIN promote.integration_mapping AS m
    ON m.org_id = f.org_id AND m.connection_id = f.connection_id AND m.entity_type = f.entity_type
        AND m.external_id = f.external_id AND m.core_table = 'core.customers' AND NOT m.promoted_deleted
WHERE f.org_id = connect.current_org() AND f.email = ANY(%(emails)s::text []);

-- keep_figures --
-- Figures stay beside what an order says in `metadata`.
UPDATE stage_customers AS s SET metadata = c.metadata || s.metadata
FROM core.customers AS c
WHERE c.org_id = connect.current_org() AND c.id = s.id AND NOT s.is_new;

-- renew_guests --
-- Only what changed.
UPDATE core.customers AS t
SET {changes}, deleted_at = NULL, updated_at = now(), queue_id = coalesce(%(queue)s::uuid, t.queue_id)
FROM stage_customers AS s
WHERE t.org_id = connect.current_org() AND t.id = s.id AND NOT s.is_new AND (
    t.deleted_at IS NOT NULL
    OR to_jsonb(t) || (to_jsonb(s) - 'is_new') IS DISTINCT FROM to_jsonb(t))
RETURNING t.id;

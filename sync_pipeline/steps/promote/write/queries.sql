-- for_queue --
-- A batch looks rows up by key, and the pages that it needs are in memory. With statistics of a nearly empty table PostgreSQL
-- would read the whole table; with true ones, too, since it takes a page for many times dearer than a row.
SELECT set_config('sync.queue_id', %(queue)s, true), set_config('enable_seqscan', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('random_page_cost', '0.1', true);

-- stage_mapping --
CREATE TEMP TABLE IF NOT EXISTS stage_mapping ON COMMIT DELETE ROWS AS
SELECT connection_id, entity_type, external_id, provider, internal_id, promoted_hash, core_wins,
       sku_set_aside, mapper, claim, entity_hash
FROM promote.integration_mapping WITH NO DATA;

-- clear_mapping --
DELETE FROM stage_mapping;

-- fill_mapping --
-- From the lines, which hold everything except the row ids.
INSERT INTO stage_mapping (
    connection_id, entity_type, external_id, provider, internal_id, promoted_hash, core_wins, sku_set_aside,
    mapper, claim, entity_hash)
SELECT l.connection_id, l.entity_type, l.external_id, c.provider, k.internal_id, l.content_hash, k.core_wins,
       k.sku_set_aside, k.mapper, k.claim, k.entity_hash
FROM unnest(%(lines)s::bigint [], %(rows)s::bigint [], %(core_wins)s::boolean [], %(set_aside)s::boolean [],
            %(mappers)s::bigint [], %(claims)s::text [], %(hashes)s::bigint [])
    AS k (line_no, internal_id, core_wins, sku_set_aside, mapper, claim, entity_hash)
JOIN promote.sync_queue_line AS l
    ON l.org_id = connect.current_org() AND l.queue_id = %(queue)s::uuid AND l.line_no = k.line_no
        AND l.line_no BETWEEN %(low)s AND %(high)s
JOIN connect.integration_connector AS c ON c.org_id = connect.current_org() AND c.connection_id = l.connection_id;

-- map --
INSERT INTO promote.integration_mapping AS m (
    org_id, connection_id, entity_type, external_id, provider, core_table, internal_id, promoted_hash, core_wins,
    sku_set_aside, queue_id, mapper, claim, entity_hash)
SELECT (SELECT connect.current_org()), connection_id, entity_type, external_id, provider, %(table)s, internal_id,
       promoted_hash, core_wins, sku_set_aside, %(queue)s::uuid, mapper, claim, entity_hash
FROM stage_mapping;

-- map_again --
-- Ends `map` where some of the records are mapped already.
ON CONFLICT (org_id, connection_id, entity_type, external_id) DO UPDATE
SET core_table = excluded.core_table, internal_id = excluded.internal_id, promoted_hash = excluded.promoted_hash,
    promoted_deleted = false, core_wins = excluded.core_wins, sku_set_aside = excluded.sku_set_aside,
    last_promoted_at = now(), queue_id = excluded.queue_id, mapper = excluded.mapper,
    claim = excluded.claim, entity_hash = excluded.entity_hash;

-- shared_rows --
-- Rows that several records map to: these are merged.
SELECT internal_id FROM promote.integration_mapping
WHERE org_id = connect.current_org() AND core_table = %(table)s AND internal_id = ANY(%(rows)s::bigint [])
    AND NOT promoted_deleted
GROUP BY internal_id HAVING count(*) > 1;

-- versions --
-- The promoted version of every live record behind these rows.
SELECT m.internal_id, m.connection_id, m.entity_type, m.external_id, m.provider, m.core_wins, m.sku_set_aside,
       CASE WHEN r.content_hash = m.promoted_hash THEN r.sync_data ELSE h.sync_data END::text AS payload, r.parent_id
FROM promote.integration_mapping AS m
LEFT JOIN capture.sync_record AS r
    ON r.org_id = m.org_id AND r.connection_id = m.connection_id AND r.entity_type = m.entity_type
        AND r.external_id = m.external_id
LEFT JOIN capture.record_history AS h
    ON r.content_hash IS DISTINCT FROM m.promoted_hash AND h.org_id = m.org_id AND h.connection_id = m.connection_id
        AND h.entity_type = m.entity_type AND h.external_id = m.external_id AND h.content_hash = m.promoted_hash
WHERE m.org_id = connect.current_org() AND m.core_table = %(table)s AND m.internal_id = ANY(%(rows)s::bigint [])
    AND NOT m.promoted_deleted;

-- delete_mapping --
UPDATE promote.integration_mapping AS m
SET promoted_deleted = true, promoted_hash = k.content_hash, last_promoted_at = now(), queue_id = %(queue)s::uuid
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [], %(hashes)s::bytea [])
    AS k (connection_id, entity_type, external_id, content_hash)
WHERE m.org_id = connect.current_org() AND m.connection_id = k.connection_id AND m.entity_type = k.entity_type
    AND m.external_id = k.external_id
RETURNING m.connection_id, m.entity_type, m.external_id, m.core_table, m.internal_id, m.core_wins, m.claim;

-- still_mapped --
SELECT DISTINCT internal_id FROM promote.integration_mapping
WHERE org_id = connect.current_org() AND core_table = %(table)s AND internal_id = ANY(%(rows)s::bigint [])
    AND NOT promoted_deleted;

-- in_sync --
-- Records just promoted no longer differ, unless they changed again meanwhile.
DELETE FROM preview.difference AS d USING stage_mapping AS s
WHERE d.org_id = connect.current_org() AND d.connection_id = s.connection_id AND d.entity_type = s.entity_type
    AND d.external_id = s.external_id AND d.content_hash = s.promoted_hash AND d.status <> 'deleted';

-- deleted_in_sync --
DELETE FROM preview.difference AS d
USING unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [], %(hashes)s::bytea [])
    AS k (connection_id, entity_type, external_id, content_hash)
WHERE d.org_id = connect.current_org() AND d.connection_id = k.connection_id AND d.entity_type = k.entity_type
    AND d.external_id = k.external_id AND d.content_hash = k.content_hash AND d.status = 'deleted';

-- drop_links --
-- Removes what these rows waited for; they state again what they wait for.
DELETE FROM promote.pending_link AS p
USING unnest(%(rows)s::bigint [], %(connections)s::bigint []) AS k (id, connection_id)
WHERE p.org_id = connect.current_org() AND p.from_table = %(table)s AND p.from_id = k.id
    AND p.connection_id = k.connection_id;

-- left_alone --
-- Of these rows, those that no live record of the connection is mapped to.
SELECT k.id, k.connection_id
FROM unnest(%(rows)s::bigint [], %(connections)s::bigint []) AS k (id, connection_id)
WHERE NOT EXISTS (
    SELECT 1 FROM promote.integration_mapping AS m
    WHERE m.org_id = connect.current_org() AND m.core_table = %(table)s AND m.internal_id = k.id
        AND m.connection_id = k.connection_id AND NOT m.promoted_deleted);

-- wait --
INSERT INTO promote.pending_link
    (org_id, id, from_table, from_id, relation, connection_id, entity_type, external_id, queue_id)
SELECT connect.current_org(),
       nextval((SELECT coalesce(to_regclass('pg_temp.trial_ids'),
                                pg_get_serial_sequence('promote.pending_link', 'id')::regclass))),
       %(table)s, k.from_id, k.relation, k.connection_id, k.entity_type, k.external_id,
       %(queue)s::uuid
FROM unnest(%(rows)s::bigint [], %(relations)s::text [], %(connections)s::bigint [], %(types)s::text [],
            %(ids)s::text []) AS k (from_id, relation, connection_id, entity_type, external_id);

-- stage_links --
CREATE TEMP TABLE IF NOT EXISTS stage_links (
    id bigint, from_table text, from_id bigint, relation text, connection_id bigint, target bigint)
ON COMMIT DELETE ROWS;

-- clear_links --
DELETE FROM stage_links;

-- arrived --
-- The links that wait for the records of this batch.
INSERT INTO stage_links (id, from_table, from_id, relation, connection_id, target)
SELECT p.id, p.from_table, p.from_id, p.relation, p.connection_id, s.internal_id
FROM stage_mapping AS s
JOIN promote.pending_link AS p
    ON p.org_id = connect.current_org() AND p.connection_id = s.connection_id AND p.entity_type = s.entity_type
        AND p.external_id = s.external_id AND p.relation = ANY(%(relations)s::text []);

-- links_by_relation --
SELECT DISTINCT from_table, relation FROM stage_links;

-- filled --
DELETE FROM promote.pending_link AS p USING stage_links AS l
WHERE p.org_id = connect.current_org() AND p.id = l.id;

-- orders_of_links --
SELECT DISTINCT from_id FROM stage_links WHERE from_table = 'core.sales_orders'
UNION
SELECT DISTINCT target FROM stage_links WHERE relation = 'order_id';

-- fill_product_categories --
INSERT INTO core.product_categories (org_id, product_id, category_id, connection_id, queue_id)
SELECT DISTINCT connect.current_org(), l.from_id, l.target, l.connection_id, %(queue)s::uuid
FROM stage_links AS l WHERE l.from_table = 'core.products' AND l.relation = 'product_categories'
ON CONFLICT (org_id, product_id, category_id) DO NOTHING;

-- fill_stock_links --
-- The stock of variants names their product too.
UPDATE core.inventory_items AS i SET product_id = l.target, updated_at = now(), queue_id = %(queue)s::uuid
FROM stage_links AS l
WHERE l.from_table = 'core.product_variants' AND l.relation = 'product_id' AND i.org_id = connect.current_org()
    AND i.variant_id = l.from_id AND i.connection_id = l.connection_id AND i.product_id IS NULL;

-- insert_product_categories --
INSERT INTO core.product_categories (org_id, product_id, category_id, connection_id, queue_id)
SELECT (SELECT connect.current_org()), k.product_id, k.category_id, k.connection_id, %(queue)s::uuid
FROM unnest(%(rows)s::bigint [], %(categories)s::bigint [], %(connections)s::bigint [])
    AS k (product_id, category_id, connection_id)
ON CONFLICT (org_id, product_id, category_id) DO NOTHING;

-- drop_product_categories --
-- The categories a product's record no longer names; other connections' stay.
DELETE FROM core.product_categories AS p
USING unnest(%(products)s::bigint [], %(connections)s::bigint []) AS k (product_id, connection_id)
WHERE p.org_id = connect.current_org() AND p.product_id = k.product_id AND p.connection_id = k.connection_id
    AND NOT EXISTS (
        SELECT 1 FROM unnest(%(rows)s::bigint [], %(categories)s::bigint []) AS s (product_id, category_id)
        WHERE s.product_id = p.product_id AND s.category_id = p.category_id);

-- inventory_ids --
SELECT k.n, i.id FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [])
    WITH ORDINALITY AS k (connection_id, entity_type, external_id, n)
JOIN core.inventory_items AS i
    ON i.org_id = connect.current_org() AND i.connection_id = k.connection_id AND i.entity_type = k.entity_type
        AND i.external_id = k.external_id;

-- copy_items --
COPY {stage} (
    n, order_id, connection_id, entity_type, external_id, {fields}, order_type, order_ref, product_type, product_ref,
    variant_type, variant_ref) FROM STDIN;

-- link_items --
UPDATE stage_sales_order_items AS s
SET product_id = (
        SELECT m.internal_id FROM promote.integration_mapping AS m
        WHERE m.org_id = connect.current_org() AND m.connection_id = s.connection_id
            AND m.entity_type = s.product_type AND m.external_id = s.product_ref AND m.core_table = 'core.products'),
    variant_id = (
        SELECT m.internal_id FROM promote.integration_mapping AS m
        WHERE m.org_id = connect.current_org() AND m.connection_id = s.connection_id
            AND m.entity_type = s.variant_type AND m.external_id = s.variant_ref
            AND m.core_table = 'core.product_variants')
WHERE s.product_ref IS NOT NULL OR s.variant_ref IS NOT NULL;

-- drop_items --
-- Items the record no longer has. They are parts of it, not records: its payload's versions keep them.
DELETE FROM core.sales_order_items AS i
USING unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [])
    AS k (connection_id, entity_type, external_id)
WHERE i.org_id = connect.current_org() AND i.connection_id = k.connection_id AND i.entity_type = k.entity_type
    AND i.external_id = k.external_id
    -- A hashed set: for NOT EXISTS the planner, who knows nothing of the stage, reads all of it for each item.
    AND (i.connection_id, i.entity_type, i.external_id, i.external_item_id) NOT IN (
        SELECT s.connection_id, s.entity_type, s.external_id, s.external_item_id FROM stage_sales_order_items AS s);

-- drop_item_links --
DELETE FROM promote.pending_link AS p
USING core.sales_order_items AS i,
    unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text []) AS k (connection_id, entity_type, external_id)
WHERE i.org_id = connect.current_org() AND i.connection_id = k.connection_id AND i.entity_type = k.entity_type
    AND i.external_id = k.external_id
    AND p.org_id = i.org_id AND p.from_table = 'core.sales_order_items' AND p.from_id = i.id;

-- wait_for_item_links --
INSERT INTO promote.pending_link
    (org_id, id, from_table, from_id, relation, connection_id, entity_type, external_id, queue_id)
SELECT i.org_id,
       nextval((SELECT coalesce(to_regclass('pg_temp.trial_ids'),
                                pg_get_serial_sequence('promote.pending_link', 'id')::regclass))),
       'core.sales_order_items', i.id, w.relation, s.connection_id, w.entity_type, w.external_id,
       %(queue)s::uuid
FROM stage_sales_order_items AS s
JOIN core.sales_order_items AS i
    ON i.org_id = connect.current_org() AND i.connection_id = s.connection_id AND i.entity_type = s.entity_type
        AND i.external_id = s.external_id AND i.external_item_id = s.external_item_id
CROSS JOIN LATERAL (VALUES
    ('product_id', s.product_type, s.product_ref, s.product_id),
    ('variant_id', s.variant_type, s.variant_ref, s.variant_id),
    ('order_id', s.order_type, s.order_ref, s.order_id)
) AS w (relation, entity_type, external_id, target)
WHERE w.external_id IS NOT NULL AND w.target IS NULL;

-- unlinked_items --
SELECT DISTINCT connection_id, entity_type, external_id FROM stage_sales_order_items
WHERE (product_ref IS NOT NULL AND product_id IS NULL) OR (variant_ref IS NOT NULL AND variant_id IS NULL)
    OR (order_ref IS NOT NULL AND order_id IS NULL);

-- orders_of_items --
-- The orders that the items of these records belong to now.
SELECT DISTINCT i.order_id, i.item_type = 'refund' AS refund
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text []) AS k (connection_id, entity_type, external_id)
JOIN core.sales_order_items AS i
    ON i.org_id = connect.current_org() AND i.connection_id = k.connection_id AND i.entity_type = k.entity_type
        AND i.external_id = k.external_id COLLATE "C"
WHERE i.order_id IS NOT NULL;

-- first_items --
-- The item that stands for a record of items in the mapping: its first.
SELECT k.n, min(i.id) AS id, min(i.order_id) AS order_id
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [])
    WITH ORDINALITY AS k (connection_id, entity_type, external_id, n)
JOIN core.sales_order_items AS i
    ON i.org_id = connect.current_org() AND i.connection_id = k.connection_id AND i.entity_type = k.entity_type
        AND i.external_id = k.external_id
GROUP BY k.n;

-- sum_orders --
-- What the items lack to the total (rounding, or lines that are not promoted yet) is kept where every order keeps it.
UPDATE core.sales_orders AS o
SET subtotal = k.lines, discount_total = k.discounts, shipping_total = k.shipping, fee_total = k.fees,
    metadata = k.metadata, updated_at = now(), queue_id = %(queue)s::uuid
FROM (
    SELECT t.id, s.lines, s.discounts, s.shipping, s.fees,
           CASE WHEN abs(t.total - s.items) < 0.005 THEN t.metadata - 'items_difference'
                ELSE t.metadata || jsonb_build_object('items_difference', t.total - s.items) END AS metadata
    FROM core.sales_orders AS t
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(i.total), 0) AS items,
               coalesce(sum(i.total) FILTER (WHERE i.item_type = 'line'), 0) AS lines,
               coalesce(-sum(i.total) FILTER (WHERE i.item_type = 'discount'), 0) AS discounts,
               coalesce(sum(i.total) FILTER (WHERE i.item_type = 'shipping'), 0) AS shipping,
               coalesce(sum(i.total) FILTER (WHERE i.item_type = 'fee'), 0) AS fees
        FROM core.sales_order_items AS i
        WHERE i.org_id = t.org_id AND i.order_id = t.id AND i.item_type <> 'refund' AND i.deleted_at IS NULL) AS s
    WHERE t.org_id = connect.current_org() AND t.id = ANY(%(rows)s::bigint [])
) AS k
WHERE o.org_id = connect.current_org() AND o.id = k.id
    AND (o.subtotal, o.discount_total, o.shipping_total, o.fee_total, o.metadata)
        IS DISTINCT FROM (k.lines, k.discounts, k.shipping, k.fees, k.metadata);

-- sum_refunds --
-- What was refunded of these orders, as refunded_of_order says.
UPDATE core.sales_orders AS o
SET refunded_total = k.refunded, updated_at = now(), queue_id = coalesce(%(queue)s::uuid, o.queue_id)
FROM (
    SELECT t.id, coalesce(s.refunded, 0) AS refunded FROM core.sales_orders AS t
    CROSS JOIN LATERAL ({refunded}) AS s
    WHERE t.org_id = connect.current_org() AND t.id = ANY(%(rows)s::bigint [])
) AS k
WHERE o.org_id = connect.current_org() AND o.id = k.id AND o.refunded_total <> k.refunded;

-- refunded_of_order --
-- What was refunded of the order `t`, as a part of other statements: each refund counts as its record says, else as the
-- order's header does. A refund is deleted where its record is, whatever a header that was read before still lists: in
-- core, or at the store where nobody promoted it.
SELECT sum(coalesce(r.amount, h.amount)) AS refunded
FROM (SELECT e.key AS id, e.value::numeric AS amount
      FROM jsonb_each_text(coalesce(t.metadata -> 'refunds', '{}')) AS e
      WHERE NOT EXISTS (
          SELECT 1 FROM promote.integration_mapping AS m
          JOIN capture.sync_record AS d
              ON d.org_id = m.org_id AND d.connection_id = m.connection_id
                  AND d.entity_type = ANY(%(refunds)s::text []) AND d.external_id = e.key
                  AND d.deletion_state = 'deleted'
          LEFT JOIN promote.integration_mapping AS p
              ON p.org_id = d.org_id AND p.connection_id = d.connection_id AND p.entity_type = d.entity_type
                  AND p.external_id = d.external_id
          WHERE m.org_id = t.org_id AND m.core_table = 'core.sales_orders' AND m.internal_id = t.id
              AND p.external_id IS NULL)) AS h
FULL JOIN (
    SELECT i.external_id AS id, coalesce(-sum(i.total) FILTER (WHERE i.deleted_at IS NULL), 0) AS amount
    FROM core.sales_order_items AS i
    WHERE i.org_id = t.org_id AND i.order_id = t.id AND i.item_type = 'refund'
    GROUP BY i.connection_id, i.external_id) AS r ON r.id = h.id;

-- customers --
-- With the records behind each, those of its addresses included (some stores let an address be the buyer), and the e-mails
-- that lead to it; to a guest, whom no record is mapped to, its own as long as it leads to nobody else.
SELECT c.id, c.registered_at,
       coalesce((SELECT jsonb_agg(jsonb_build_array(m.connection_id, m.entity_type, m.external_id))
                 FROM promote.integration_mapping AS m
                 WHERE m.org_id = c.org_id
                     AND (m.core_table = 'core.customers' AND m.internal_id = c.id
                         OR m.core_table = 'core.customer_addresses' AND m.internal_id = ANY(ARRAY(
                             SELECT a.id FROM core.customer_addresses AS a
                             WHERE a.org_id = c.org_id AND a.customer_id = c.id)))), '[]') AS records,
       ARRAY(
           SELECT e.email FROM (
               SELECT m.claim AS email, m.internal_id FROM promote.integration_mapping AS m
               WHERE m.org_id = c.org_id AND m.core_table = 'core.customers' AND m.internal_id = c.id
                   AND NOT m.promoted_deleted AND m.claim IS NOT NULL
               UNION
               SELECT f.email, m.internal_id FROM promote.integration_mapping AS m
               JOIN capture.former_email AS f
                   ON f.org_id = m.org_id AND f.connection_id = m.connection_id AND f.entity_type = m.entity_type
                       AND f.external_id = m.external_id
               WHERE m.org_id = c.org_id AND m.core_table = 'core.customers' AND m.internal_id = c.id
                   AND NOT m.promoted_deleted
               UNION
               SELECT c.email_key, NULL WHERE c.email_key IS NOT NULL AND c.deleted_at IS NULL AND NOT EXISTS (
                   SELECT 1 FROM promote.integration_mapping AS m
                   WHERE m.org_id = c.org_id AND m.core_table = 'core.customers' AND m.internal_id = c.id)
           ) AS e
           WHERE (SELECT o.internal_id FROM promote.email_owner(e.email) AS o) IS NOT DISTINCT FROM e.internal_id
       ) AS emails
FROM core.customers AS c
WHERE c.org_id = connect.current_org() AND c.id = ANY(%(rows)s::bigint []);

-- orders_of_records --
-- The captured orders of customers' records, by the store's own reference.
SELECT k.n, r.connection_id, r.provider, r.entity_type, r.external_id, r.sync_data::text AS payload
FROM unnest(%(connections)s::bigint [], %(ids)s::text []) WITH ORDINALITY AS k (connection_id, external_id, n)
CROSS JOIN unnest(%(types)s::text []) AS t (entity_type)
JOIN capture.sync_record AS r
    ON r.org_id = connect.current_org() AND r.connection_id = k.connection_id AND r.entity_type = t.entity_type
        AND r.parent_id = k.external_id
WHERE r.deletion_state <> 'deleted';

-- orders_of_emails --
-- The captured orders that belong to whom their e-mail leads to: they name no customer, or one that is neither in core nor
-- listed by the store. Promotion links them in the same way (place/buyers.py).
SELECT k.n, r.connection_id, r.provider, r.entity_type, r.external_id, r.sync_data::text AS payload
FROM unnest(%(emails)s::text []) WITH ORDINALITY AS k (email, n)
CROSS JOIN unnest(%(types)s::text []) AS t (entity_type)
JOIN capture.sync_record AS r
    ON r.org_id = connect.current_org() AND r.entity_type = t.entity_type AND r.email = k.email COLLATE "C"
WHERE r.deletion_state <> 'deleted' AND (
    coalesce(r.parent_id, '') IN ('', '0')
    OR NOT EXISTS (
        SELECT 1 FROM promote.integration_mapping AS m
        WHERE m.org_id = r.org_id AND m.connection_id = r.connection_id AND m.entity_type = ANY(%(buyers)s::text [])
            AND m.external_id = r.parent_id)
    AND (EXISTS (
        SELECT 1 FROM capture.sync_record AS b
        WHERE b.org_id = r.org_id AND b.connection_id = r.connection_id AND b.entity_type = ANY(%(buyers)s::text [])
            AND b.external_id = r.parent_id AND b.deletion_state = 'deleted')
        OR EXISTS (
            SELECT 1 FROM capture.sync_cursor AS u
            WHERE u.org_id = r.org_id AND u.connection_id = r.connection_id AND u.entity_type = ANY(%(buyers)s::text [])
                AND u.full_at IS NOT NULL)
        AND NOT EXISTS (
            SELECT 1 FROM capture.sync_record AS b
            WHERE b.org_id = r.org_id AND b.connection_id = r.connection_id
                AND b.entity_type = ANY(%(buyers)s::text []) AND b.external_id = r.parent_id)
        OR EXISTS (
            SELECT 1 FROM promote.integration_mapping AS m
            WHERE m.org_id = r.org_id AND m.connection_id = r.connection_id AND m.entity_type = r.entity_type
                AND m.external_id = r.external_id AND m.claim = k.email COLLATE "C")));

-- refunds_of_orders --
-- The captured refunds of orders, deleted ones too.
SELECT k.n, r.connection_id, r.provider, r.entity_type, r.external_id, r.deletion_state = 'deleted' AS deleted,
       r.sync_data::text AS payload
FROM unnest(%(connections)s::bigint [], %(ids)s::text []) WITH ORDINALITY AS k (connection_id, external_id, n)
CROSS JOIN unnest(%(types)s::text []) AS t (entity_type)
JOIN capture.sync_record AS r
    ON r.org_id = connect.current_org() AND r.connection_id = k.connection_id AND r.entity_type = t.entity_type
        AND r.parent_id = k.external_id;

-- write --
-- Only if something changed, so that promoting an order does not touch a customer whose figures stay the same.
UPDATE core.customers AS c
SET lifetime_value = k.value, lifetime_currency = k.currency, order_count = k.orders, segment = k.segment,
    status = k.status, acquisition_date = k.acquired, last_interaction_date = k.last_seen,
    metadata = (c.metadata - '{completed_orders,other_currencies}'::text []) || k.facts::jsonb,
    updated_at = now(), queue_id = coalesce(%(queue)s::uuid, c.queue_id)
FROM unnest(%(rows)s::bigint [], %(values)s::numeric [], %(currencies)s::text [], %(orders)s::integer [],
            %(segments)s::text [], %(statuses)s::text [], %(acquired)s::timestamptz [],
            %(last_seen)s::timestamptz [], %(facts)s::text [])
    AS k (id, value, currency, orders, segment, status, acquired, last_seen, facts)
WHERE c.org_id = connect.current_org() AND c.id = k.id
    AND (c.lifetime_value, c.lifetime_currency, c.order_count, c.segment, c.status, c.acquisition_date,
         c.last_interaction_date, c.metadata)
        IS DISTINCT FROM
        (k.value, k.currency, k.orders, k.segment, k.status, k.acquired, k.last_seen,
         (c.metadata - '{completed_orders,other_currencies}'::text []) || k.facts::jsonb);

-- insert_product_categories --
INSERT INTO core.product_categories (org_id, product_id, category_id, connection_id, queue_id)
SELECT (SELECT connect.current_org()), k.product_id, k.category_id, k.connection_id, %(queue)s::uuid
FROM unnest(%(rows)s::bigint [], %(categories)s::bigint [], %(connections)s::bigint [])
    AS k (product_id, category_id, connection_id)
ON CONFLICT (org_id, product_id, category_id) DO NOTHING;

-- drop_product_categories --
-- The categories a product's record names no more; other connections' stay.
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
-- Items the record has no more. They are parts of it, not records: its payload's versions keep them.
DELETE FROM core.sales_order_items AS i
USING unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [])
    AS k (connection_id, entity_type, external_id)
WHERE i.org_id = connect.current_org() AND i.connection_id = k.connection_id AND i.entity_type = k.entity_type
    AND i.external_id = k.external_id AND NOT EXISTS (
        SELECT 1 FROM stage_sales_order_items AS s
        WHERE s.connection_id = i.connection_id AND s.entity_type = i.entity_type AND s.external_id = i.external_id
            AND s.external_item_id = i.external_item_id);

-- drop_item_links --
DELETE FROM promote.pending_link AS p
USING core.sales_order_items AS i,
    unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text []) AS k (connection_id, entity_type, external_id)
WHERE i.org_id = connect.current_org() AND i.connection_id = k.connection_id AND i.entity_type = k.entity_type
    AND i.external_id = k.external_id
    AND p.org_id = i.org_id AND p.from_table = 'core.sales_order_items' AND p.from_id = i.id;

-- wait_for_item_links --
INSERT INTO promote.pending_link
    (org_id, from_table, from_id, relation, connection_id, entity_type, external_id, queue_id)
SELECT i.org_id, 'core.sales_order_items', i.id, w.relation, s.connection_id, w.entity_type, w.external_id,
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
           CASE WHEN t.total = s.items THEN t.metadata - 'items_difference'
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

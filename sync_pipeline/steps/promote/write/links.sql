-- drop_links --
-- What these rows waited for before; they say anew what they wait for.
DELETE FROM promote.pending_link AS p
USING unnest(%(rows)s::bigint [], %(connections)s::bigint []) AS k (id, connection_id)
WHERE p.org_id = connect.current_org() AND p.from_table = %(table)s AND p.from_id = k.id
    AND p.connection_id = k.connection_id;

-- wait --
INSERT INTO promote.pending_link
    (org_id, from_table, from_id, relation, connection_id, entity_type, external_id, queue_id)
SELECT connect.current_org(), %(table)s, k.from_id, k.relation, k.connection_id, k.entity_type, k.external_id,
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

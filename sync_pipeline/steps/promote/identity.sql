-- Lookups are LATERAL with a LIMIT or OFFSET 0: one index probe a record, whatever the planner thinks of a table that
-- was empty a minute ago.

-- settings --
SELECT currency, sku_policy, provider_priority FROM connect.organization WHERE org_id = connect.current_org();

-- providers --
SELECT connection_id, provider, name, settings ->> 'currency' AS currency
FROM connect.integration_connector WHERE org_id = connect.current_org();

-- mapped --
-- The core rows that records (or what they refer to) are mapped to.
SELECT k.n, m.internal_id, m.core_table, m.core_wins, m.promoted_deleted
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [])
    WITH ORDINALITY AS k (connection_id, entity_type, external_id, n)
CROSS JOIN LATERAL (
    SELECT e.internal_id, e.core_table, e.core_wins, e.promoted_deleted FROM promote.integration_mapping AS e
    WHERE e.org_id = connect.current_org() AND e.connection_id = k.connection_id AND e.entity_type = k.entity_type
        AND e.external_id = k.external_id LIMIT 1) AS m;

-- products_by_sku --
-- Each SKU folded, the product that has it, and who maps to that: a row a mapping, live ones only. SKUs that nobody
-- has and one record wants are left out: there is nothing to decide.
WITH asked AS MATERIALIZED (
    SELECT f.n, f.key, count(*) OVER (PARTITION BY f.key) AS wanted
    FROM (SELECT k.n, core.fold(k.sku) AS key FROM unnest(%(skus)s::text []) WITH ORDINALITY AS k (sku, n)) AS f)
SELECT a.n, a.key, t.id, m.connection_id, m.entity_type, m.external_id, m.core_wins,
       t.id IS NOT NULL AND m.external_id IS NULL AND NOT EXISTS (
           SELECT 1 FROM promote.integration_mapping AS e
           WHERE e.org_id = connect.current_org() AND e.core_table = 'core.products' AND e.internal_id = t.id) AS unmapped
FROM asked AS a
LEFT JOIN LATERAL (
    SELECT c.id FROM core.products AS c
    WHERE c.org_id = connect.current_org() AND c.sku_key = a.key COLLATE "C" LIMIT 1) AS t ON true
LEFT JOIN LATERAL (
    SELECT e.connection_id, e.entity_type, e.external_id, e.core_wins FROM promote.integration_mapping AS e
    WHERE e.org_id = connect.current_org() AND e.core_table = 'core.products' AND e.internal_id = t.id
        AND NOT e.promoted_deleted OFFSET 0) AS m ON true
WHERE t.id IS NOT NULL OR a.wanted > 1
ORDER BY a.n, m.connection_id, m.external_id;

-- product_variants_by_sku --
-- Variants have a SKU space of their own; see docs/mapping.md.
WITH asked AS MATERIALIZED (
    SELECT f.n, f.key, count(*) OVER (PARTITION BY f.key) AS wanted
    FROM (SELECT k.n, core.fold(k.sku) AS key FROM unnest(%(skus)s::text []) WITH ORDINALITY AS k (sku, n)) AS f)
SELECT a.n, a.key, t.id, m.connection_id, m.entity_type, m.external_id, m.core_wins,
       t.id IS NOT NULL AND m.external_id IS NULL AND NOT EXISTS (
           SELECT 1 FROM promote.integration_mapping AS e
           WHERE e.org_id = connect.current_org() AND e.core_table = 'core.product_variants' AND e.internal_id = t.id) AS unmapped
FROM asked AS a
LEFT JOIN LATERAL (
    SELECT c.id FROM core.product_variants AS c
    WHERE c.org_id = connect.current_org() AND c.sku_key = a.key COLLATE "C" LIMIT 1) AS t ON true
LEFT JOIN LATERAL (
    SELECT e.connection_id, e.entity_type, e.external_id, e.core_wins FROM promote.integration_mapping AS e
    WHERE e.org_id = connect.current_org() AND e.core_table = 'core.product_variants' AND e.internal_id = t.id
        AND NOT e.promoted_deleted OFFSET 0) AS m ON true
WHERE t.id IS NOT NULL OR a.wanted > 1
ORDER BY a.n, m.connection_id, m.external_id;

-- customers_by_email --
-- The oldest row that has the e-mail, a live one before a deleted one, and who maps to it.
WITH asked AS MATERIALIZED (
    SELECT k.n, core.fold(k.email) AS key FROM unnest(%(emails)s::text []) WITH ORDINALITY AS k (email, n))
SELECT a.n, a.key, t.id, m.connection_id, m.entity_type, m.external_id
FROM asked AS a
LEFT JOIN LATERAL (
    SELECT c.id FROM core.customers AS c
    WHERE c.org_id = connect.current_org() AND c.email_key = a.key COLLATE "C"
    ORDER BY c.deleted_at IS NOT NULL, c.id LIMIT 1) AS t ON true
LEFT JOIN LATERAL (
    SELECT e.connection_id, e.entity_type, e.external_id FROM promote.integration_mapping AS e
    WHERE e.org_id = connect.current_org() AND e.core_table = 'core.customers' AND e.internal_id = t.id
        AND NOT e.promoted_deleted OFFSET 0) AS m ON true
ORDER BY a.n, m.connection_id, m.external_id;

-- new_ids --
-- As one text: thousands of rows of one number each would cost more than the numbers.
SELECT string_agg(nextval(s.sequence)::text, ',')
FROM (SELECT pg_get_serial_sequence(%(table)s, 'id')::regclass AS sequence OFFSET 0) AS s,
    generate_series(1, %(count)s);

-- release_product_skus --
-- These products give their SKU up; what it was is kept beside it.
UPDATE core.products AS t
SET sku = NULL, metadata = t.metadata || jsonb_build_object('sku_set_aside', t.sku), updated_at = now(),
    queue_id = %(queue)s::uuid
WHERE t.org_id = connect.current_org() AND t.id = ANY(%(rows)s::bigint []);

-- release_product_variant_skus --
UPDATE core.product_variants AS t
SET sku = NULL, metadata = t.metadata || jsonb_build_object('sku_set_aside', t.sku), updated_at = now(),
    queue_id = %(queue)s::uuid
WHERE t.org_id = connect.current_org() AND t.id = ANY(%(rows)s::bigint []);

-- set_aside --
-- The records on these rows lost their SKU to another of their connection.
UPDATE promote.integration_mapping
SET sku_set_aside = true, queue_id = %(queue)s::uuid
WHERE org_id = connect.current_org() AND core_table = %(table)s AND internal_id = ANY(%(rows)s::bigint [])
    AND connection_id = %(connection)s;

-- move_mappings --
-- Records of other connections follow the SKU to the row that has it now.
UPDATE promote.integration_mapping
SET internal_id = %(target)s, queue_id = %(queue)s::uuid
WHERE org_id = connect.current_org() AND core_table = %(table)s AND internal_id = %(origin)s
    AND connection_id = ANY(%(connections)s::bigint []);

-- move_variants --
UPDATE core.product_variants AS v
SET product_id = %(target)s, queue_id = %(queue)s::uuid
FROM promote.integration_mapping AS m
WHERE v.org_id = connect.current_org() AND v.product_id = %(origin)s
    AND m.org_id = v.org_id AND m.core_table = 'core.product_variants' AND m.internal_id = v.id
    AND m.connection_id = ANY(%(connections)s::bigint []);

-- move_product_inventory --
UPDATE core.inventory_items SET product_id = %(target)s, queue_id = %(queue)s::uuid
WHERE org_id = connect.current_org() AND product_id = %(origin)s
    AND connection_id = ANY(%(connections)s::bigint []);

-- move_product_items --
UPDATE core.sales_order_items SET product_id = %(target)s, queue_id = %(queue)s::uuid
WHERE org_id = connect.current_org() AND product_id = %(origin)s
    AND connection_id = ANY(%(connections)s::bigint []);

-- move_product_categories --
DELETE FROM core.product_categories
WHERE org_id = connect.current_org() AND product_id = %(origin)s
    AND connection_id = ANY(%(connections)s::bigint [])
RETURNING category_id, connection_id;

-- add_product_categories --
INSERT INTO core.product_categories (org_id, product_id, category_id, connection_id, queue_id)
SELECT connect.current_org(), %(target)s, k.category_id, k.connection_id, %(queue)s::uuid
FROM unnest(%(categories)s::bigint [], %(connections)s::bigint []) AS k (category_id, connection_id)
ON CONFLICT DO NOTHING;

-- move_variant_inventory --
UPDATE core.inventory_items SET variant_id = %(target)s, queue_id = %(queue)s::uuid
WHERE org_id = connect.current_org() AND variant_id = %(origin)s
    AND connection_id = ANY(%(connections)s::bigint []);

-- move_variant_items --
UPDATE core.sales_order_items SET variant_id = %(target)s, queue_id = %(queue)s::uuid
WHERE org_id = connect.current_org() AND variant_id = %(origin)s
    AND connection_id = ANY(%(connections)s::bigint []);

-- retire_products --
-- Rows whose records all moved to another: not removed, because orders may name them.
UPDATE core.products AS t
SET sku = NULL, active = false, deleted_at = coalesce(t.deleted_at, now()), updated_at = now(),
    metadata = t.metadata || jsonb_build_object('merged_into', k.target), queue_id = %(queue)s::uuid
FROM unnest(%(rows)s::bigint [], %(targets)s::bigint []) AS k (id, target)
WHERE t.org_id = connect.current_org() AND t.id = k.id AND NOT EXISTS (
    SELECT 1 FROM promote.integration_mapping AS m
    WHERE m.org_id = t.org_id AND m.core_table = 'core.products' AND m.internal_id = t.id);

-- retire_product_variants --
UPDATE core.product_variants AS t
SET sku = NULL, active = false, deleted_at = coalesce(t.deleted_at, now()), updated_at = now(),
    metadata = t.metadata || jsonb_build_object('merged_into', k.target), queue_id = %(queue)s::uuid
FROM unnest(%(rows)s::bigint [], %(targets)s::bigint []) AS k (id, target)
WHERE t.org_id = connect.current_org() AND t.id = k.id AND NOT EXISTS (
    SELECT 1 FROM promote.integration_mapping AS m
    WHERE m.org_id = t.org_id AND m.core_table = 'core.product_variants' AND m.internal_id = t.id);

-- record_conflicts --
INSERT INTO promote.conflict
    (org_id, kind, connection_id, entity_type, external_id, value, other_external_id, core_table, internal_id,
     policy, decision, queue_id)
SELECT connect.current_org(), k.kind, k.connection_id, k.entity_type, k.external_id, k.value, k.other,
       %(table)s, k.internal_id, k.policy, k.decision, %(queue)s::uuid
FROM unnest(%(kinds)s::text [], %(connections)s::bigint [], %(types)s::text [], %(ids)s::text [],
            %(values)s::text [], %(others)s::text [], %(rows)s::bigint [], %(policies)s::text [],
            %(decisions)s::text [])
    AS k (kind, connection_id, entity_type, external_id, value, other, internal_id, policy, decision);

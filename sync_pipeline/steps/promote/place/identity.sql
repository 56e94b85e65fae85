-- settings --
SELECT currency, sku_policy, provider_priority FROM connect.organization WHERE org_id = connect.current_org();

-- providers --
SELECT connection_id, provider, name, settings ->> 'currency' AS currency,
       coalesce((settings ->> 'same_sales')::boolean, true) AS same_sales
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

-- new_ids --
-- As one text: thousands of rows of one number each would cost more than the numbers.
SELECT string_agg(nextval(s.sequence)::text, ',')
FROM (
    SELECT coalesce(to_regclass('pg_temp.trial_ids'), pg_get_serial_sequence(%(table)s, 'id')::regclass) AS sequence OFFSET 0
) AS s,
    generate_series(1, %(count)s);

-- move_mappings --
UPDATE promote.integration_mapping AS m
SET internal_id = k.target, queue_id = coalesce(%(queue)s::uuid, m.queue_id)
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [], %(targets)s::bigint [])
    AS k (connection_id, entity_type, external_id, target)
WHERE m.org_id = connect.current_org() AND m.connection_id = k.connection_id AND m.entity_type = k.entity_type
    AND m.external_id = k.external_id AND m.internal_id <> k.target;

-- move_pending_links --
UPDATE promote.pending_link AS p SET from_id = k.target, queue_id = coalesce(%(queue)s::uuid, p.queue_id)
FROM unnest(%(connections)s::bigint [], %(origins)s::bigint [], %(targets)s::bigint [], %(alone)s::boolean [])
    AS k (connection_id, origin, target, alone)
WHERE p.org_id = connect.current_org() AND p.from_table = %(table)s AND p.from_id = k.origin
    AND p.connection_id = k.connection_id AND k.alone;

-- drop_pending_pairs --
-- Rows that keep their own values take no part of a record's.
DELETE FROM promote.pending_link AS p
WHERE p.org_id = connect.current_org() AND p.from_table = %(table)s AND p.from_id = ANY(%(rows)s::bigint [])
    AND p.relation = ANY(%(relations)s::text []);

-- take_product_categories --
DELETE FROM core.product_categories AS p
USING unnest(%(connections)s::bigint [], %(origins)s::bigint [], %(targets)s::bigint [], %(alone)s::boolean [])
    AS k (connection_id, origin, target, alone)
WHERE p.org_id = connect.current_org() AND p.product_id = k.origin AND p.connection_id = k.connection_id AND k.alone
RETURNING p.category_id, p.connection_id, k.target;

-- give_product_categories --
INSERT INTO core.product_categories (org_id, product_id, category_id, connection_id, queue_id)
SELECT connect.current_org(), k.target, k.category_id, k.connection_id, %(queue)s::uuid
FROM unnest(%(targets)s::bigint [], %(categories)s::bigint [], %(connections)s::bigint [])
    AS k (target, category_id, connection_id)
ON CONFLICT DO NOTHING;

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

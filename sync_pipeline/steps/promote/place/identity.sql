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

-- new_ids --
-- As one text: thousands of rows of one number each would cost more than the numbers.
SELECT string_agg(nextval(s.sequence)::text, ',')
FROM (SELECT pg_get_serial_sequence(%(table)s, 'id')::regclass AS sequence OFFSET 0) AS s,
    generate_series(1, %(count)s);

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

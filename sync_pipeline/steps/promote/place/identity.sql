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

-- move_mapping --
-- Returns whether no other live record of its connection stays on the row.
WITH moved AS (
    UPDATE promote.integration_mapping AS m
    SET internal_id = %(target)s, core_wins = false, queue_id = coalesce(%(queue)s::uuid, m.queue_id)
    WHERE m.org_id = connect.current_org() AND m.core_table = %(table)s AND m.internal_id = %(origin)s
        AND m.connection_id = %(connection)s AND m.entity_type = %(entity_type)s AND m.external_id = %(external_id)s)
SELECT NOT EXISTS (
    SELECT 1 FROM promote.integration_mapping AS m
    WHERE m.org_id = connect.current_org() AND m.core_table = %(table)s AND m.internal_id = %(origin)s
        AND m.connection_id = %(connection)s AND NOT m.promoted_deleted
        AND (m.entity_type, m.external_id) <> (%(entity_type)s, %(external_id)s));

-- move_product_categories --
WITH moved AS (
    DELETE FROM core.product_categories
    WHERE org_id = connect.current_org() AND product_id = %(origin)s AND connection_id = %(connection)s
    RETURNING category_id)
INSERT INTO core.product_categories (org_id, product_id, category_id, connection_id, queue_id)
SELECT connect.current_org(), %(target)s, k.category_id, %(connection)s, %(queue)s::uuid FROM moved AS k
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

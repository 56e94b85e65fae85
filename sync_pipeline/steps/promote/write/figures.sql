-- customers --
-- With the records behind each, those of its addresses included: some stores let an address be the buyer.
SELECT c.id, lower(btrim(c.email)) AS email, c.registered_at,
       coalesce((SELECT jsonb_agg(jsonb_build_array(m.connection_id, m.entity_type, m.external_id))
                 FROM promote.integration_mapping AS m
                 WHERE m.org_id = c.org_id
                     AND (m.core_table = 'core.customers' AND m.internal_id = c.id
                         OR m.core_table = 'core.customer_addresses' AND m.internal_id = ANY(ARRAY(
                             SELECT a.id FROM core.customer_addresses AS a
                             WHERE a.org_id = c.org_id AND a.customer_id = c.id)))), '[]') AS records
FROM core.customers AS c
WHERE c.org_id = connect.current_org() AND c.id = ANY(%(rows)s::bigint []);

-- orders_of_records --
-- The captured orders of customers' records, by the store's own reference.
SELECT k.n, r.connection_id, r.provider, r.entity_type, r.sync_data::text AS payload
FROM unnest(%(connections)s::bigint [], %(ids)s::text []) WITH ORDINALITY AS k (connection_id, external_id, n)
CROSS JOIN unnest(%(types)s::text []) AS t (entity_type)
JOIN capture.sync_record AS r
    ON r.org_id = connect.current_org() AND r.connection_id = k.connection_id AND r.entity_type = t.entity_type
        AND r.parent_id = k.external_id
WHERE r.deletion_state <> 'deleted';

-- orders_of_guests --
-- The captured orders that name no customer, by e-mail.
SELECT k.n, r.connection_id, r.provider, r.entity_type, r.sync_data::text AS payload
FROM unnest(%(emails)s::text []) WITH ORDINALITY AS k (email, n)
CROSS JOIN unnest(%(types)s::text []) AS t (entity_type)
JOIN capture.sync_record AS r
    ON r.org_id = connect.current_org() AND r.entity_type = t.entity_type AND r.email = k.email COLLATE "C"
WHERE r.deletion_state <> 'deleted' AND coalesce(r.parent_id, '') IN ('', '0');

-- write --
-- Only where something changed, so that promoting an order does not touch a customer it says nothing new of.
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

-- Views that every report needs. Each has a row an organization and currency: amounts of two currencies are never added.
-- They read as whoever asks (security_invoker), so row-level security holds; `org_id` is for those who see several.

-- The day of a moment in the time zone of `sync.time_zone`, UTC where nobody has set it. Not the session's own time zone:
-- two people would see two reports.
CREATE FUNCTION report.day(moment timestamptz) RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (moment AT TIME ZONE coalesce(nullif(current_setting('sync.time_zone', true), ''), 'UTC'))::date;

-- Orders that were sold: not draft, cancelled, failed, trashed or deleted. (entities/order.py: NOT_SOLD)
CREATE VIEW report.sold_order WITH (security_invoker = true) AS
SELECT
    o.org_id, o.id AS order_id, m.connection_id, o.customer_id, o.number, o.status, o.currency, o.total,
    o.refunded_total, o.tax_total, o.shipping_total, o.discount_total, o.ordered_at, o.metadata
FROM core.sales_orders AS o
JOIN promote.integration_mapping AS m
    ON m.org_id = o.org_id AND m.core_table = 'core.sales_orders' AND m.internal_id = o.id
WHERE o.deleted_at IS NULL AND o.status NOT IN ('draft', 'cancelled', 'failed', 'trashed');

-- Orders that are copies of another store's: of the same customer, currency and total, with that order's number as their
-- reference. Of orders that refer only to each other, the one of the lowest connection and number is no copy. The figures
-- of customers follow the same rule (steps/promote/write/same_sale.py).
CREATE VIEW report.copied_order WITH (security_invoker = true) AS
WITH RECURSIVE refers AS (
    SELECT DISTINCT c.org_id, c.order_id, p.order_id AS original
    FROM report.sold_order AS c
    JOIN connect.integration_connector AS k
        ON k.org_id = c.org_id AND k.connection_id = c.connection_id
            AND coalesce((k.settings ->> 'same_sales')::boolean, true)
    CROSS JOIN LATERAL (VALUES (core.fold(c.metadata ->> 'client_order_ref')), (core.fold(c.metadata ->> 'origin')))
        AS r (reference)
    CROSS JOIN LATERAL (VALUES (r.reference), (regexp_replace(r.reference, '^[^0-9]+', ''))) AS n (number)
    JOIN report.sold_order AS p
        ON p.org_id = c.org_id AND p.customer_id = c.customer_id AND p.connection_id <> c.connection_id
            AND p.total = c.total AND p.currency IS NOT DISTINCT FROM c.currency AND core.fold(p.number) = n.number
    WHERE c.metadata ?| '{client_order_ref,origin}'
), circle AS (
    SELECT org_id, order_id, order_id AS member FROM refers
    UNION
    SELECT w.org_id, w.order_id, r.original FROM circle AS w JOIN refers AS r ON r.org_id = w.org_id AND r.order_id = w.member
), ranked AS (
    SELECT
        w.org_id, w.order_id, w.member = w.order_id AS itself,
        bool_and(EXISTS (SELECT 1 FROM refers AS r WHERE r.org_id = w.org_id AND r.order_id = w.member))
            OVER (PARTITION BY w.org_id, w.order_id) AS closed,
        row_number() OVER (PARTITION BY w.org_id, w.order_id ORDER BY s.connection_id, s.number COLLATE "C", s.order_id)
            AS place
    FROM circle AS w JOIN report.sold_order AS s ON s.org_id = w.org_id AND s.order_id = w.member
)
SELECT org_id, order_id FROM ranked WHERE itself AND NOT (closed AND place = 1);

CREATE VIEW report.sales WITH (security_invoker = true) AS
SELECT
    o.org_id, o.order_id, c.name AS connection, report.day(o.ordered_at) AS day, o.customer_id, o.number, o.status,
    o.currency, o.total, o.refunded_total, o.total - o.refunded_total AS net_total, o.tax_total, o.shipping_total,
    o.discount_total, o.ordered_at
FROM report.sold_order AS o
JOIN connect.integration_connector AS c ON c.org_id = o.org_id AND c.connection_id = o.connection_id
WHERE NOT EXISTS (
    SELECT 1 FROM report.copied_order AS d WHERE d.org_id = o.org_id AND d.order_id = o.order_id);

CREATE VIEW report.sales_by_day WITH (security_invoker = true) AS
SELECT
    org_id, day, connection, currency, count(*) AS orders, sum(total) AS total, sum(refunded_total) AS refunded_total,
    sum(net_total) AS net_total, sum(tax_total) AS tax_total, sum(shipping_total) AS shipping_total,
    sum(discount_total) AS discount_total
FROM report.sales
GROUP BY org_id, day, connection, currency;

CREATE VIEW report.sales_by_product WITH (security_invoker = true) AS
SELECT
    s.org_id, l.product_id, i.variant_id, coalesce(v.sku, p.sku, l.sku) AS sku, coalesce(p.name, l.name) AS name,
    v.name AS variant, s.currency, count(DISTINCT s.order_id) AS orders,
    sum(i.quantity) FILTER (WHERE i.item_type = 'line') AS quantity,
    coalesce(sum(i.total) FILTER (WHERE i.item_type = 'line'), 0) AS total,
    sum(abs(i.quantity)) FILTER (WHERE i.item_type = 'refund') AS refunded_quantity,
    coalesce(-sum(i.total) FILTER (WHERE i.item_type = 'refund'), 0) AS refunded_total
FROM report.sales AS s
JOIN core.sales_order_items AS i ON i.org_id = s.org_id AND i.order_id = s.order_id AND i.deleted_at IS NULL
LEFT JOIN core.product_variants AS v ON v.org_id = i.org_id AND v.id = i.variant_id
LEFT JOIN core.products AS p ON p.org_id = i.org_id AND p.id = coalesce(i.product_id, v.product_id)
-- A line of an article that is not in core keeps the words that the order has for it.
CROSS JOIN LATERAL (
    SELECT
        coalesce(i.product_id, v.product_id) AS product_id,
        CASE WHEN p.id IS NULL AND v.id IS NULL THEN i.sku END AS sku,
        CASE WHEN p.id IS NULL AND v.id IS NULL THEN i.name END AS name) AS l
WHERE i.item_type = 'line'
    OR i.item_type = 'refund' AND (i.product_id IS NOT NULL OR i.variant_id IS NOT NULL)
GROUP BY 1, 2, 3, 4, 5, 6, 7;

CREATE VIEW report.sales_by_customer WITH (security_invoker = true) AS
SELECT
    s.org_id, s.customer_id, c.name, c.email, s.currency, count(*) AS orders, sum(s.total) AS total,
    sum(s.refunded_total) AS refunded_total, sum(s.net_total) AS net_total, min(s.ordered_at) AS first_ordered_at,
    max(s.ordered_at) AS last_ordered_at
FROM report.sales AS s
LEFT JOIN core.customers AS c ON c.org_id = s.org_id AND c.id = s.customer_id
GROUP BY s.org_id, s.customer_id, c.name, c.email, s.currency;

CREATE VIEW report.stock_by_article WITH (security_invoker = true) AS
SELECT
    i.org_id, coalesce(i.product_id, v.product_id) AS product_id, i.variant_id, coalesce(v.sku, p.sku) AS sku, p.name,
    v.name AS variant, c.name AS connection, i.location, sum(i.quantity) AS quantity,
    string_agg(DISTINCT i.stock_status, ', ' ORDER BY i.stock_status) AS stock_status
FROM core.inventory_items AS i
JOIN connect.integration_connector AS c ON c.org_id = i.org_id AND c.connection_id = i.connection_id
LEFT JOIN core.product_variants AS v ON v.org_id = i.org_id AND v.id = i.variant_id
LEFT JOIN core.products AS p ON p.org_id = i.org_id AND p.id = coalesce(i.product_id, v.product_id)
WHERE i.deleted_at IS NULL
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8;

CREATE VIEW report.customers_by_segment WITH (security_invoker = true) AS
SELECT
    org_id, segment, lifetime_currency AS currency, count(*) AS customers,
    count(*) FILTER (WHERE status = 'active') AS active_customers, sum(order_count) AS orders,
    sum(lifetime_value) AS lifetime_value
FROM core.customers
WHERE deleted_at IS NULL
GROUP BY org_id, segment, lifetime_currency;

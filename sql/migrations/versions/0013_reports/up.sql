-- Core for those who read it: former rows as of a time, views for reports, and comments that say what everything is.

-- When a row was replaced. Images that are there already have none: their queue's start counts.
ALTER TABLE promote.core_change ADD COLUMN changed_at timestamptz;
ALTER TABLE promote.core_change ALTER COLUMN changed_at SET DEFAULT now();
ALTER TABLE connect.organization ADD COLUMN core_since timestamptz;

-- Rows of core as they were until `changed_at`. A promotion that was undone counts as one that never was: neither what it
-- replaced nor what it wrote is here.
CREATE VIEW promote.former_row WITH (security_invoker = true) AS
SELECT
    c.org_id, c.table_name, c.row_id, c.change_id, c.content,
    coalesce(c.changed_at, q.started_at, q.created_at) AS changed_at
FROM promote.core_change AS c
JOIN promote.sync_queue AS q ON q.org_id = c.org_id AND q.queue_id = c.queue_id AND q.undone_at IS NULL
WHERE c.operation <> 'insert' AND NOT EXISTS (
    SELECT 1 FROM promote.sync_queue AS u
    WHERE u.org_id = c.org_id AND u.queue_id = (c.content ->> 'queue_id')::uuid AND u.undone_at IS NOT NULL);

CREATE SCHEMA report;
GRANT USAGE ON SCHEMA report TO sync_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA report GRANT SELECT ON TABLES TO sync_app;

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

-- What the tables and columns that people read are: for tools that show comments, and for docs/core.md, which is made
-- of them. `Unit: …` at the end is what a number counts; times are UTC.

COMMENT ON TABLE core.categories IS 'One row a category of a store.';
COMMENT ON COLUMN core.categories.parent_id IS
'The category above; empty at the top, and while that one is not promoted. Refers to core.categories.';
COMMENT ON COLUMN core.categories.name IS 'Its name.';
COMMENT ON COLUMN core.categories.slug IS 'Its name in addresses of the shop.';
COMMENT ON COLUMN core.categories.description IS 'As the store has it, HTML included.';
COMMENT ON COLUMN core.categories.image IS '{src, alt} of its picture.';
COMMENT ON COLUMN core.categories.position IS 'Its place among its neighbours, lowest first. Unit: place.';

COMMENT ON TABLE core.products IS 'One row a product over all stores: records with the same SKU are the same product.';
COMMENT ON COLUMN core.products.sku IS
'Article number. Empty where another record of the same store owns it: then metadata.sku_set_aside has it.';
COMMENT ON COLUMN core.products.sku_key IS 'SKU as it is compared: trimmed and case-folded.';
COMMENT ON COLUMN core.products.name IS 'Its name.';
COMMENT ON COLUMN core.products.slug IS 'Its name in addresses of the shop.';
COMMENT ON COLUMN core.products.type IS 'simple, variable, grouped, external, service or a word of a plugin.';
COMMENT ON COLUMN core.products.status IS 'active, draft, hidden, scheduled, archived or trashed.';
COMMENT ON COLUMN core.products.source_status IS 'The store''s own word for the status.';
COMMENT ON COLUMN core.products.description IS 'As the store has it, HTML included.';
COMMENT ON COLUMN core.products.short_description IS 'As the store has it, HTML included.';
COMMENT ON COLUMN core.products.price IS
'What it costs now. Of a product with variants: what the store says, in WooCommerce the cheapest variant''s. Unit: currency.';
COMMENT ON COLUMN core.products.regular_price IS 'What it costs without a sale. Unit: currency.';
COMMENT ON COLUMN core.products.sale_price IS 'What it costs while it is on sale. Unit: currency.';
COMMENT ON COLUMN core.products.currency IS 'ISO code of the currency of the prices; empty while nobody has said one.';
COMMENT ON COLUMN core.products.barcode IS 'EAN, UPC, GTIN or ISBN.';
COMMENT ON COLUMN core.products.attributes IS 'List of its attributes: name, options, whether variants differ by it.';
COMMENT ON COLUMN core.products.images IS 'List of {src, alt}, the first is the main one.';
COMMENT ON COLUMN core.products.tags IS 'List of names.';

COMMENT ON TABLE core.product_variants IS 'One row a buyable form of a product, with its own SKU and price, over all stores.';
COMMENT ON COLUMN core.product_variants.product_id IS
'Its product; empty while that one is not promoted. Refers to core.products.';
COMMENT ON COLUMN core.product_variants.sku IS
'Article number. Empty where another record of the same store owns it: then metadata.sku_set_aside has it.';
COMMENT ON COLUMN core.product_variants.sku_key IS 'SKU as it is compared: trimmed and case-folded.';
COMMENT ON COLUMN core.product_variants.name IS 'Its name; some stores give variants none.';
COMMENT ON COLUMN core.product_variants.status IS 'active, draft, hidden, scheduled, archived or trashed.';
COMMENT ON COLUMN core.product_variants.source_status IS 'The store''s own word for the status.';
COMMENT ON COLUMN core.product_variants.description IS 'As the store has it, HTML included.';
COMMENT ON COLUMN core.product_variants.price IS 'What it costs now. Unit: currency.';
COMMENT ON COLUMN core.product_variants.regular_price IS 'What it costs without a sale. Unit: currency.';
COMMENT ON COLUMN core.product_variants.sale_price IS 'What it costs while it is on sale. Unit: currency.';
COMMENT ON COLUMN core.product_variants.currency IS
'ISO code of the currency of the prices; empty while nobody has said one.';
COMMENT ON COLUMN core.product_variants.barcode IS 'EAN, UPC, GTIN or ISBN.';
COMMENT ON COLUMN core.product_variants.attributes IS 'List of what makes it this variant: name and option.';
COMMENT ON COLUMN core.product_variants.image IS '{src, alt} of its picture.';

COMMENT ON TABLE core.product_categories IS 'One row a pair: a product is in a category.';
COMMENT ON COLUMN core.product_categories.product_id IS 'The product. Refers to core.products.';
COMMENT ON COLUMN core.product_categories.category_id IS 'The category. Refers to core.categories.';
COMMENT ON COLUMN core.product_categories.connection_id IS 'The connection whose record says so.';

COMMENT ON TABLE core.inventory_items IS 'Stock: one row an article at one place of one connection.';
COMMENT ON COLUMN core.inventory_items.product_id IS
'The product; empty while that one is not promoted. Refers to core.products.';
COMMENT ON COLUMN core.inventory_items.variant_id IS
'The variant, where the stock is one variant''s. Refers to core.product_variants.';
COMMENT ON COLUMN core.inventory_items.location IS
'The place by its name; empty text where the store has a single one.';
COMMENT ON COLUMN core.inventory_items.quantity IS
'What lies there, negative too. Empty where the store does not count it, which is not zero. Unit: pieces, or the article''s unit.';
COMMENT ON COLUMN core.inventory_items.manage_stock IS 'Does the store count this stock?';
COMMENT ON COLUMN core.inventory_items.stock_status IS
'in_stock, out_of_stock or on_backorder; empty where the store says none.';
COMMENT ON COLUMN core.inventory_items.backorders IS 'Can it be ordered when there is none: no, notify or yes.';

COMMENT ON TABLE core.customers IS 'One row a person or company over all stores: records with the same e-mail are one customer.';
COMMENT ON COLUMN core.customers.name IS 'First and last name, or the company''s.';
COMMENT ON COLUMN core.customers.email IS
'E-mail as the store writes it, or its SHA-256 where the connection hashes e-mails.';
COMMENT ON COLUMN core.customers.email_key IS 'E-mail as it is compared: trimmed and case-folded.';
COMMENT ON COLUMN core.customers.phone IS 'As the store writes it.';
COMMENT ON COLUMN core.customers.company IS 'Company.';
COMMENT ON COLUMN core.customers.address IS
'Billing address: first_name, last_name, company, address_1, address_2, city, state, postcode, country, email, phone.';
COMMENT ON COLUMN core.customers.shipping_address IS 'Delivery address, in the same words.';
COMMENT ON COLUMN core.customers.tags IS 'List of names.';
COMMENT ON COLUMN core.customers.registered_at IS 'When the store first knew the customer.';
COMMENT ON COLUMN core.customers.segment IS
'individual, startup, smb, mid_market or enterprise, by lifetime value and completed orders. Computed from captured orders.';
COMMENT ON COLUMN core.customers.status IS
'active with a completed order, else prospect. Computed from captured orders.';
COMMENT ON COLUMN core.customers.lifetime_value IS
'Totals less refunds of what was sold to the customer, in lifetime_currency alone; other currencies are in metadata.other_currencies. Computed from captured orders. Unit: lifetime_currency.';
COMMENT ON COLUMN core.customers.lifetime_currency IS
'ISO code of the currency of the lifetime value. Computed from captured orders.';
COMMENT ON COLUMN core.customers.order_count IS
'How many orders were sold, in all currencies. Computed from captured orders. Unit: orders.';
COMMENT ON COLUMN core.customers.acquisition_date IS
'The earlier of registration and first sold order. Computed from captured orders.';
COMMENT ON COLUMN core.customers.last_interaction_date IS
'The last order of any status, else registration. Computed from captured orders.';

COMMENT ON TABLE core.customer_addresses IS 'Further addresses of customers, where the store keeps them as records of their own.';
COMMENT ON COLUMN core.customer_addresses.customer_id IS
'Whose address it is; empty while that customer is not promoted. Refers to core.customers.';
COMMENT ON COLUMN core.customer_addresses.kind IS 'billing, shipping, contact or other.';
COMMENT ON COLUMN core.customer_addresses.name IS 'Name at this address.';
COMMENT ON COLUMN core.customer_addresses.email IS 'E-mail at this address.';
COMMENT ON COLUMN core.customer_addresses.phone IS 'As the store writes it.';
COMMENT ON COLUMN core.customer_addresses.address IS 'company, address_1, address_2, city, state, postcode, country.';

COMMENT ON TABLE core.sales_orders IS 'One row an order of a store. Its amounts are in its own currency.';
COMMENT ON COLUMN core.sales_orders.customer_id IS
'Who bought; empty while that customer is not promoted. Refers to core.customers.';
COMMENT ON COLUMN core.sales_orders.number IS 'The number that people know it by.';
COMMENT ON COLUMN core.sales_orders.status IS
'draft, pending, on_hold, processing, completed, refunded, cancelled, failed or trashed. The first and the last three were never sales.';
COMMENT ON COLUMN core.sales_orders.source_status IS 'The store''s own word for the status.';
COMMENT ON COLUMN core.sales_orders.currency IS 'ISO code of the currency of all its amounts.';
COMMENT ON COLUMN core.sales_orders.subtotal IS 'Lines before discounts, without tax. Unit: currency.';
COMMENT ON COLUMN core.sales_orders.discount_total IS 'Discounts, positive. Unit: currency.';
COMMENT ON COLUMN core.sales_orders.shipping_total IS 'Shipping, without tax. Unit: currency.';
COMMENT ON COLUMN core.sales_orders.fee_total IS 'Fees, without tax. Unit: currency.';
COMMENT ON COLUMN core.sales_orders.tax_total IS 'All taxes. Unit: currency.';
COMMENT ON COLUMN core.sales_orders.total IS
'What the buyer pays, taxes included, refunds not taken off. Unit: currency.';
COMMENT ON COLUMN core.sales_orders.refunded_total IS 'What was given back, positive, taxes included. Unit: currency.';
COMMENT ON COLUMN core.sales_orders.customer_email IS 'E-mail on the order when it was promoted.';
COMMENT ON COLUMN core.sales_orders.billing_address IS 'Billing address on the order.';
COMMENT ON COLUMN core.sales_orders.shipping_address IS 'Delivery address on the order.';
COMMENT ON COLUMN core.sales_orders.payment_method IS 'The store''s word for how it was paid.';
COMMENT ON COLUMN core.sales_orders.ordered_at IS 'When it was ordered.';
COMMENT ON COLUMN core.sales_orders.paid_at IS 'When it was paid.';
COMMENT ON COLUMN core.sales_orders.completed_at IS 'When nothing was left to do.';

COMMENT ON TABLE core.sales_order_items IS 'One row an amount of an order: lines, shipping, fees, discounts, taxes and refunds. Without refunds they add up to the order''s total.';
COMMENT ON COLUMN core.sales_order_items.order_id IS
'Its order, whose currency its amounts have; empty while that one is not promoted. Refers to core.sales_orders.';
COMMENT ON COLUMN core.sales_order_items.item_type IS 'line, shipping, fee, discount, tax or refund.';
COMMENT ON COLUMN core.sales_order_items.external_item_id IS 'Tells the items of one record apart.';
COMMENT ON COLUMN core.sales_order_items.product_id IS
'What was sold; empty while it is not promoted. Refers to core.products.';
COMMENT ON COLUMN core.sales_order_items.variant_id IS 'Which variant was sold. Refers to core.product_variants.';
COMMENT ON COLUMN core.sales_order_items.sku IS 'SKU on the order.';
COMMENT ON COLUMN core.sales_order_items.name IS 'Text on the order.';
COMMENT ON COLUMN core.sales_order_items.quantity IS
'How many; negative on some refunds. Unit: pieces, or the article''s unit.';
COMMENT ON COLUMN core.sales_order_items.unit_price IS
'Price of one, before discounts that are items of their own. Unit: currency of the order.';
COMMENT ON COLUMN core.sales_order_items.total IS
'Without tax; negative for discounts and refunds. Of an item of type tax: the tax. Unit: currency of the order.';
COMMENT ON COLUMN core.sales_order_items.tax_total IS
'Its share of the taxes, which are items of their own. Unit: currency of the order.';

COMMENT ON TABLE core.reference_data IS 'One row a record without a table of its own: tags, attributes, coupons, taxes, settings.';
COMMENT ON COLUMN core.reference_data.kind IS 'What it is: the entity type of its record.';
COMMENT ON COLUMN core.reference_data.code IS 'Its code, slug, or id.';
COMMENT ON COLUMN core.reference_data.name IS 'Its name.';
COMMENT ON COLUMN core.reference_data.data IS 'The record as captured.';

COMMENT ON VIEW report.sales IS 'One row an order that was sold and is no copy of another store''s order. The other views of sales add these up.';
COMMENT ON COLUMN report.sales.order_id IS 'The order. Refers to core.sales_orders.';
COMMENT ON COLUMN report.sales.connection IS 'The store.';
COMMENT ON COLUMN report.sales.day IS 'Day of the order, in UTC or the time zone of sync.time_zone.';
COMMENT ON COLUMN report.sales.customer_id IS 'Who bought. Refers to core.customers.';
COMMENT ON COLUMN report.sales.number IS 'The number that people know it by.';
COMMENT ON COLUMN report.sales.status IS 'As in core.sales_orders.';
COMMENT ON COLUMN report.sales.currency IS 'ISO code of the currency of all amounts.';
COMMENT ON COLUMN report.sales.total IS 'What the buyer pays, taxes included. Unit: currency.';
COMMENT ON COLUMN report.sales.refunded_total IS 'What was given back, whenever. Unit: currency.';
COMMENT ON COLUMN report.sales.net_total IS 'total less refunded_total. Unit: currency.';
COMMENT ON COLUMN report.sales.tax_total IS 'All taxes. Unit: currency.';
COMMENT ON COLUMN report.sales.shipping_total IS 'Shipping, without tax. Unit: currency.';
COMMENT ON COLUMN report.sales.discount_total IS 'Discounts. Unit: currency.';
COMMENT ON COLUMN report.sales.ordered_at IS 'When it was ordered.';

COMMENT ON VIEW report.sales_by_day IS 'Sales of a day, store and currency. A refund counts on the day of its order.';
COMMENT ON COLUMN report.sales_by_day.day IS
'Day of the orders, in UTC or the time zone of sync.time_zone; empty for orders without a date.';
COMMENT ON COLUMN report.sales_by_day.connection IS 'The store.';
COMMENT ON COLUMN report.sales_by_day.currency IS 'ISO code of the currency of all amounts.';
COMMENT ON COLUMN report.sales_by_day.orders IS 'How many. Unit: orders.';
COMMENT ON COLUMN report.sales_by_day.total IS 'Taxes included. Unit: currency.';
COMMENT ON COLUMN report.sales_by_day.refunded_total IS
'What was given back of these orders, whenever. Unit: currency.';
COMMENT ON COLUMN report.sales_by_day.net_total IS 'total less refunded_total. Unit: currency.';
COMMENT ON COLUMN report.sales_by_day.tax_total IS 'All taxes. Unit: currency.';
COMMENT ON COLUMN report.sales_by_day.shipping_total IS 'Shipping, without tax. Unit: currency.';
COMMENT ON COLUMN report.sales_by_day.discount_total IS 'Discounts. Unit: currency.';

COMMENT ON VIEW report.sales_by_product IS 'Lines sold of an article, by currency. Before discounts that are items of their own, without taxes and shipping.';
COMMENT ON COLUMN report.sales_by_product.product_id IS
'The product; empty for lines of articles that are not in core. Refers to core.products.';
COMMENT ON COLUMN report.sales_by_product.variant_id IS 'The variant. Refers to core.product_variants.';
COMMENT ON COLUMN report.sales_by_product.sku IS 'SKU of the article, else the one on the orders.';
COMMENT ON COLUMN report.sales_by_product.name IS 'Name of the product, else the text on the orders.';
COMMENT ON COLUMN report.sales_by_product.variant IS 'Name of the variant.';
COMMENT ON COLUMN report.sales_by_product.currency IS 'ISO code of the currency of all amounts.';
COMMENT ON COLUMN report.sales_by_product.orders IS 'How many orders have it. Unit: orders.';
COMMENT ON COLUMN report.sales_by_product.quantity IS 'How many were sold. Unit: pieces, or the article''s unit.';
COMMENT ON COLUMN report.sales_by_product.total IS 'Totals of the lines, without tax. Unit: currency.';
COMMENT ON COLUMN report.sales_by_product.refunded_quantity IS
'How many came back, where refunds name lines. Unit: pieces, or the article''s unit.';
COMMENT ON COLUMN report.sales_by_product.refunded_total IS
'Given back for these lines, without tax, where refunds name lines. Unit: currency.';

COMMENT ON VIEW report.sales_by_customer IS 'Sales to a customer, by currency.';
COMMENT ON COLUMN report.sales_by_customer.customer_id IS
'The customer; empty for orders whose buyer is not promoted. Refers to core.customers.';
COMMENT ON COLUMN report.sales_by_customer.name IS 'Name.';
COMMENT ON COLUMN report.sales_by_customer.email IS 'E-mail.';
COMMENT ON COLUMN report.sales_by_customer.currency IS 'ISO code of the currency of all amounts.';
COMMENT ON COLUMN report.sales_by_customer.orders IS 'How many. Unit: orders.';
COMMENT ON COLUMN report.sales_by_customer.total IS 'Taxes included. Unit: currency.';
COMMENT ON COLUMN report.sales_by_customer.refunded_total IS 'What was given back. Unit: currency.';
COMMENT ON COLUMN report.sales_by_customer.net_total IS 'total less refunded_total. Unit: currency.';
COMMENT ON COLUMN report.sales_by_customer.first_ordered_at IS 'When the first of these was ordered.';
COMMENT ON COLUMN report.sales_by_customer.last_ordered_at IS 'When the last of these was ordered.';

COMMENT ON VIEW report.stock_by_article IS 'Stock of an article, by store and place.';
COMMENT ON COLUMN report.stock_by_article.product_id IS 'The product. Refers to core.products.';
COMMENT ON COLUMN report.stock_by_article.variant_id IS 'The variant. Refers to core.product_variants.';
COMMENT ON COLUMN report.stock_by_article.sku IS 'SKU of the article.';
COMMENT ON COLUMN report.stock_by_article.name IS 'Name of the product.';
COMMENT ON COLUMN report.stock_by_article.variant IS 'Name of the variant.';
COMMENT ON COLUMN report.stock_by_article.connection IS 'The store.';
COMMENT ON COLUMN report.stock_by_article.location IS 'The place; empty text where the store has a single one.';
COMMENT ON COLUMN report.stock_by_article.quantity IS
'What lies there; empty where the store does not count it. Unit: pieces, or the article''s unit.';
COMMENT ON COLUMN report.stock_by_article.stock_status IS
'in_stock, out_of_stock or on_backorder, where the store says so.';

COMMENT ON VIEW report.customers_by_segment IS 'Customers of a segment, by the currency of their lifetime value.';
COMMENT ON COLUMN report.customers_by_segment.segment IS 'As in core.customers.';
COMMENT ON COLUMN report.customers_by_segment.currency IS 'ISO code of the currency of the lifetime value.';
COMMENT ON COLUMN report.customers_by_segment.customers IS 'How many. Unit: customers.';
COMMENT ON COLUMN report.customers_by_segment.active_customers IS
'How many of them have a completed order. Unit: customers.';
COMMENT ON COLUMN report.customers_by_segment.orders IS 'Their sold orders, in all currencies. Unit: orders.';
COMMENT ON COLUMN report.customers_by_segment.lifetime_value IS
'Their lifetime values in this currency. Unit: currency.';

COMMENT ON VIEW report.sold_order IS
'Orders that were sold, copies included: what report.sales begins with.';
COMMENT ON VIEW report.copied_order IS
'Orders that are another store''s order again; report.sales leaves them out.';

-- Columns that mean the same in every table.
DO $$
DECLARE
    place record;
BEGIN
    FOR place IN
        SELECT c.oid::regclass AS relation, w.name, w.words
        FROM pg_class AS c
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND NOT a.attisdropped
        JOIN (VALUES
            ('org_id', 'The organization.'),
            ('id', 'Number of the row.'),
            ('connection_id', 'The connection of the record that the row comes from.'),
            ('entity_type', 'The entity type of the record that the row comes from.'),
            ('external_id', 'The id that the store gives the record.'),
            ('metadata', 'The source''s ids, and fields without a column (docs/mapping.md).'),
            ('active', 'False where the store hides it, or it is deleted.'),
            ('deleted_at', 'When its deletion was promoted; empty for rows that are there.'),
            ('created_at', 'When the row was made.'),
            ('updated_at', 'When it was last written.'),
            ('queue_id', 'The promotion that wrote it last.')) AS w (name, words) ON w.name = a.attname
        WHERE c.relnamespace IN ('core'::regnamespace, 'report'::regnamespace) AND c.relkind IN ('r', 'v')
            AND col_description(c.oid, a.attnum) IS NULL
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', place.relation, place.name, place.words);
    END LOOP;
END $$;

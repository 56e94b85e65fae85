-- stage_categories --
CREATE TEMP TABLE IF NOT EXISTS stage_categories ON COMMIT DELETE ROWS AS
SELECT false AS is_new, id,
    name, slug, description, image, position, metadata, active, parent_id
FROM core.categories WITH NO DATA;

-- copy_categories --
COPY stage_categories (
    is_new, id, name, slug, description, image, position, metadata, active, parent_id
) FROM STDIN;

-- insert_categories --
INSERT INTO core.categories (
    org_id, id, name, slug, description, image, position, metadata, active, parent_id, queue_id)
SELECT
    (SELECT connect.current_org()), id, name, slug, description, image, position, metadata, active, parent_id, %(queue)s::uuid
FROM stage_categories WHERE is_new;

-- update_categories --
UPDATE core.categories AS t SET
    name = s.name, slug = s.slug, description = s.description, image = s.image, position = s.position,
    metadata = s.metadata, active = s.active, parent_id = s.parent_id, deleted_at = NULL, updated_at = now(),
    queue_id = %(queue)s::uuid
FROM stage_categories AS s WHERE t.org_id = connect.current_org() AND t.id = s.id AND NOT s.is_new;

-- rewrite_categories --
-- As the update, but the row stays with the queue that wrote it last.
UPDATE core.categories AS t SET
    name = s.name, slug = s.slug, description = s.description, image = s.image, position = s.position,
    metadata = s.metadata, active = s.active, parent_id = s.parent_id, deleted_at = NULL, updated_at = now()
FROM stage_categories AS s WHERE t.org_id = connect.current_org() AND t.id = s.id AND NOT s.is_new;

-- clear_categories --
DELETE FROM stage_categories;

-- delete_categories --
-- Marked, not removed: orders keep their history.
UPDATE core.categories SET deleted_at = now(), active = false, updated_at = now(), queue_id = %(queue)s::uuid
WHERE org_id = connect.current_org() AND id = ANY(%(rows)s::bigint []) AND deleted_at IS NULL;

-- stage_customers --
CREATE TEMP TABLE IF NOT EXISTS stage_customers ON COMMIT DELETE ROWS AS
SELECT false AS is_new, id,
    name, email, phone, company, address, shipping_address, tags, registered_at, metadata, active
FROM core.customers WITH NO DATA;

-- copy_customers --
COPY stage_customers (
    is_new, id, name, email, phone, company, address, shipping_address, tags, registered_at, metadata, active
) FROM STDIN;

-- insert_customers --
INSERT INTO core.customers (
    org_id, id, name, email, phone, company, address, shipping_address, tags, registered_at, metadata, active,
    queue_id)
SELECT
    (SELECT connect.current_org()), id, name, email, phone, company, address, shipping_address, tags, registered_at,
    metadata, active, %(queue)s::uuid
FROM stage_customers WHERE is_new;

-- update_customers --
UPDATE core.customers AS t SET
    name = s.name, email = s.email, phone = s.phone, company = s.company, address = s.address,
    shipping_address = s.shipping_address, tags = s.tags, registered_at = s.registered_at,
    metadata = s.metadata, active = s.active, deleted_at = NULL, updated_at = now(), queue_id = %(queue)s::uuid
FROM stage_customers AS s WHERE t.org_id = connect.current_org() AND t.id = s.id AND NOT s.is_new;

-- rewrite_customers --
-- As the update, but the row stays with the queue that wrote it last.
UPDATE core.customers AS t SET
    name = s.name, email = s.email, phone = s.phone, company = s.company, address = s.address,
    shipping_address = s.shipping_address, tags = s.tags, registered_at = s.registered_at,
    metadata = s.metadata, active = s.active, deleted_at = NULL, updated_at = now()
FROM stage_customers AS s WHERE t.org_id = connect.current_org() AND t.id = s.id AND NOT s.is_new;

-- clear_customers --
DELETE FROM stage_customers;

-- delete_customers --
-- Marked, not removed: orders keep their history.
UPDATE core.customers SET deleted_at = now(), active = false, updated_at = now(), queue_id = %(queue)s::uuid
WHERE org_id = connect.current_org() AND id = ANY(%(rows)s::bigint []) AND deleted_at IS NULL;

-- stage_customer_addresses --
CREATE TEMP TABLE IF NOT EXISTS stage_customer_addresses ON COMMIT DELETE ROWS AS
SELECT false AS is_new, id,
    kind, name, email, phone, address, metadata, active, customer_id
FROM core.customer_addresses WITH NO DATA;

-- copy_customer_addresses --
COPY stage_customer_addresses (
    is_new, id, kind, name, email, phone, address, metadata, active, customer_id
) FROM STDIN;

-- insert_customer_addresses --
INSERT INTO core.customer_addresses (
    org_id, id, kind, name, email, phone, address, metadata, active, customer_id, queue_id)
SELECT
    (SELECT connect.current_org()), id, kind, name, email, phone, address, metadata, active, customer_id, %(queue)s::uuid
FROM stage_customer_addresses WHERE is_new;

-- update_customer_addresses --
UPDATE core.customer_addresses AS t SET
    kind = s.kind, name = s.name, email = s.email, phone = s.phone, address = s.address, metadata = s.metadata,
    active = s.active, customer_id = s.customer_id, deleted_at = NULL, updated_at = now(), queue_id = %(queue)s::uuid
FROM stage_customer_addresses AS s WHERE t.org_id = connect.current_org() AND t.id = s.id AND NOT s.is_new;

-- rewrite_customer_addresses --
-- As the update, but the row stays with the queue that wrote it last.
UPDATE core.customer_addresses AS t SET
    kind = s.kind, name = s.name, email = s.email, phone = s.phone, address = s.address, metadata = s.metadata,
    active = s.active, customer_id = s.customer_id, deleted_at = NULL, updated_at = now()
FROM stage_customer_addresses AS s WHERE t.org_id = connect.current_org() AND t.id = s.id AND NOT s.is_new;

-- clear_customer_addresses --
DELETE FROM stage_customer_addresses;

-- delete_customer_addresses --
-- Marked, not removed: orders keep their history.
UPDATE core.customer_addresses SET deleted_at = now(), active = false, updated_at = now(), queue_id = %(queue)s::uuid
WHERE org_id = connect.current_org() AND id = ANY(%(rows)s::bigint []) AND deleted_at IS NULL;

-- stage_products --
CREATE TEMP TABLE IF NOT EXISTS stage_products ON COMMIT DELETE ROWS AS
SELECT false AS is_new, id,
    sku, name, slug, type, status, source_status, description, short_description, price, regular_price,
    sale_price, currency, barcode, attributes, images, tags, metadata, active
FROM core.products WITH NO DATA;

-- copy_products --
COPY stage_products (
    is_new, id, sku, name, slug, type, status, source_status, description, short_description, price,
    regular_price, sale_price, currency, barcode, attributes, images, tags, metadata, active
) FROM STDIN;

-- insert_products --
INSERT INTO core.products (
    org_id, id, sku, name, slug, type, status, source_status, description, short_description, price,
    regular_price, sale_price, currency, barcode, attributes, images, tags, metadata, active, queue_id)
SELECT
    (SELECT connect.current_org()), id, sku, name, slug, type, status, source_status, description, short_description,
    price, regular_price, sale_price, currency, barcode, attributes, images, tags, metadata, active, %(queue)s::uuid
FROM stage_products WHERE is_new;

-- update_products --
UPDATE core.products AS t SET
    sku = s.sku, name = s.name, slug = s.slug, type = s.type, status = s.status,
    source_status = s.source_status, description = s.description, short_description = s.short_description,
    price = s.price, regular_price = s.regular_price, sale_price = s.sale_price, currency = s.currency,
    barcode = s.barcode, attributes = s.attributes, images = s.images, tags = s.tags, metadata = s.metadata,
    active = s.active, deleted_at = NULL, updated_at = now(), queue_id = %(queue)s::uuid
FROM stage_products AS s WHERE t.org_id = connect.current_org() AND t.id = s.id AND NOT s.is_new;

-- rewrite_products --
-- As the update, but the row stays with the queue that wrote it last.
UPDATE core.products AS t SET
    sku = s.sku, name = s.name, slug = s.slug, type = s.type, status = s.status,
    source_status = s.source_status, description = s.description, short_description = s.short_description,
    price = s.price, regular_price = s.regular_price, sale_price = s.sale_price, currency = s.currency,
    barcode = s.barcode, attributes = s.attributes, images = s.images, tags = s.tags, metadata = s.metadata,
    active = s.active, deleted_at = NULL, updated_at = now()
FROM stage_products AS s WHERE t.org_id = connect.current_org() AND t.id = s.id AND NOT s.is_new;

-- clear_products --
DELETE FROM stage_products;

-- delete_products --
-- Marked, not removed: orders keep their history.
UPDATE core.products SET deleted_at = now(), active = false, updated_at = now(), queue_id = %(queue)s::uuid
WHERE org_id = connect.current_org() AND id = ANY(%(rows)s::bigint []) AND deleted_at IS NULL;

-- stage_product_variants --
CREATE TEMP TABLE IF NOT EXISTS stage_product_variants ON COMMIT DELETE ROWS AS
SELECT false AS is_new, id,
    sku, name, status, source_status, description, price, regular_price, sale_price, currency, barcode,
    attributes, image, metadata, active, product_id
FROM core.product_variants WITH NO DATA;

-- copy_product_variants --
COPY stage_product_variants (
    is_new, id, sku, name, status, source_status, description, price, regular_price, sale_price, currency,
    barcode, attributes, image, metadata, active, product_id
) FROM STDIN;

-- insert_product_variants --
INSERT INTO core.product_variants (
    org_id, id, sku, name, status, source_status, description, price, regular_price, sale_price, currency,
    barcode, attributes, image, metadata, active, product_id, queue_id)
SELECT
    (SELECT connect.current_org()), id, sku, name, status, source_status, description, price, regular_price, sale_price,
    currency, barcode, attributes, image, metadata, active, product_id, %(queue)s::uuid
FROM stage_product_variants WHERE is_new;

-- update_product_variants --
UPDATE core.product_variants AS t SET
    sku = s.sku, name = s.name, status = s.status, source_status = s.source_status, description = s.description,
    price = s.price, regular_price = s.regular_price, sale_price = s.sale_price, currency = s.currency,
    barcode = s.barcode, attributes = s.attributes, image = s.image, metadata = s.metadata, active = s.active,
    product_id = s.product_id, deleted_at = NULL, updated_at = now(), queue_id = %(queue)s::uuid
FROM stage_product_variants AS s WHERE t.org_id = connect.current_org() AND t.id = s.id AND NOT s.is_new;

-- rewrite_product_variants --
-- As the update, but the row stays with the queue that wrote it last.
UPDATE core.product_variants AS t SET
    sku = s.sku, name = s.name, status = s.status, source_status = s.source_status, description = s.description,
    price = s.price, regular_price = s.regular_price, sale_price = s.sale_price, currency = s.currency,
    barcode = s.barcode, attributes = s.attributes, image = s.image, metadata = s.metadata, active = s.active,
    product_id = s.product_id, deleted_at = NULL, updated_at = now()
FROM stage_product_variants AS s WHERE t.org_id = connect.current_org() AND t.id = s.id AND NOT s.is_new;

-- clear_product_variants --
DELETE FROM stage_product_variants;

-- delete_product_variants --
-- Marked, not removed: orders keep their history.
UPDATE core.product_variants SET deleted_at = now(), active = false, updated_at = now(), queue_id = %(queue)s::uuid
WHERE org_id = connect.current_org() AND id = ANY(%(rows)s::bigint []) AND deleted_at IS NULL;

-- stage_sales_orders --
CREATE TEMP TABLE IF NOT EXISTS stage_sales_orders ON COMMIT DELETE ROWS AS
SELECT false AS is_new, id,
    number, status, source_status, currency, subtotal, discount_total, shipping_total, fee_total, tax_total,
    total, refunded_total, customer_email, billing_address, shipping_address, payment_method, ordered_at,
    paid_at, completed_at, metadata, active, customer_id
FROM core.sales_orders WITH NO DATA;

-- copy_sales_orders --
COPY stage_sales_orders (
    is_new, id, number, status, source_status, currency, subtotal, discount_total, shipping_total, fee_total,
    tax_total, total, refunded_total, customer_email, billing_address, shipping_address, payment_method,
    ordered_at, paid_at, completed_at, metadata, active, customer_id
) FROM STDIN;

-- insert_sales_orders --
INSERT INTO core.sales_orders (
    org_id, id, number, status, source_status, currency, subtotal, discount_total, shipping_total, fee_total,
    tax_total, total, refunded_total, customer_email, billing_address, shipping_address, payment_method,
    ordered_at, paid_at, completed_at, metadata, active, customer_id, queue_id)
SELECT
    (SELECT connect.current_org()), id, number, status, source_status, currency, subtotal, discount_total,
    shipping_total, fee_total, tax_total, total, refunded_total, customer_email, billing_address,
    shipping_address, payment_method, ordered_at, paid_at, completed_at, metadata, active, customer_id,
    %(queue)s::uuid
FROM stage_sales_orders WHERE is_new;

-- update_sales_orders --
UPDATE core.sales_orders AS t SET
    number = s.number, status = s.status, source_status = s.source_status, currency = s.currency,
    subtotal = s.subtotal, discount_total = s.discount_total, shipping_total = s.shipping_total,
    fee_total = s.fee_total, tax_total = s.tax_total, total = s.total, refunded_total = s.refunded_total,
    customer_email = s.customer_email, billing_address = s.billing_address,
    shipping_address = s.shipping_address, payment_method = s.payment_method, ordered_at = s.ordered_at,
    paid_at = s.paid_at, completed_at = s.completed_at, metadata = s.metadata, active = s.active,
    customer_id = s.customer_id, deleted_at = NULL, updated_at = now(), queue_id = %(queue)s::uuid
FROM stage_sales_orders AS s WHERE t.org_id = connect.current_org() AND t.id = s.id AND NOT s.is_new;

-- rewrite_sales_orders --
-- As the update, but the row stays with the queue that wrote it last.
UPDATE core.sales_orders AS t SET
    number = s.number, status = s.status, source_status = s.source_status, currency = s.currency,
    subtotal = s.subtotal, discount_total = s.discount_total, shipping_total = s.shipping_total,
    fee_total = s.fee_total, tax_total = s.tax_total, total = s.total, refunded_total = s.refunded_total,
    customer_email = s.customer_email, billing_address = s.billing_address,
    shipping_address = s.shipping_address, payment_method = s.payment_method, ordered_at = s.ordered_at,
    paid_at = s.paid_at, completed_at = s.completed_at, metadata = s.metadata, active = s.active,
    customer_id = s.customer_id, deleted_at = NULL, updated_at = now()
FROM stage_sales_orders AS s WHERE t.org_id = connect.current_org() AND t.id = s.id AND NOT s.is_new;

-- clear_sales_orders --
DELETE FROM stage_sales_orders;

-- delete_sales_orders --
-- Marked, not removed: orders keep their history.
UPDATE core.sales_orders SET deleted_at = now(), active = false, updated_at = now(), queue_id = %(queue)s::uuid
WHERE org_id = connect.current_org() AND id = ANY(%(rows)s::bigint []) AND deleted_at IS NULL;

-- stage_reference_data --
CREATE TEMP TABLE IF NOT EXISTS stage_reference_data ON COMMIT DELETE ROWS AS
SELECT false AS is_new, id,
    kind, code, name, data, metadata, active
FROM core.reference_data WITH NO DATA;

-- copy_reference_data --
COPY stage_reference_data (
    is_new, id, kind, code, name, data, metadata, active
) FROM STDIN;

-- insert_reference_data --
INSERT INTO core.reference_data (
    org_id, id, kind, code, name, data, metadata, active, queue_id)
SELECT
    (SELECT connect.current_org()), id, kind, code, name, data, metadata, active, %(queue)s::uuid
FROM stage_reference_data WHERE is_new;

-- update_reference_data --
UPDATE core.reference_data AS t SET
    kind = s.kind, code = s.code, name = s.name, data = s.data, metadata = s.metadata, active = s.active,
    deleted_at = NULL, updated_at = now(), queue_id = %(queue)s::uuid
FROM stage_reference_data AS s WHERE t.org_id = connect.current_org() AND t.id = s.id AND NOT s.is_new;

-- rewrite_reference_data --
-- As the update, but the row stays with the queue that wrote it last.
UPDATE core.reference_data AS t SET
    kind = s.kind, code = s.code, name = s.name, data = s.data, metadata = s.metadata, active = s.active,
    deleted_at = NULL, updated_at = now()
FROM stage_reference_data AS s WHERE t.org_id = connect.current_org() AND t.id = s.id AND NOT s.is_new;

-- clear_reference_data --
DELETE FROM stage_reference_data;

-- delete_reference_data --
-- Marked, not removed: orders keep their history.
UPDATE core.reference_data SET deleted_at = now(), active = false, updated_at = now(), queue_id = %(queue)s::uuid
WHERE org_id = connect.current_org() AND id = ANY(%(rows)s::bigint []) AND deleted_at IS NULL;

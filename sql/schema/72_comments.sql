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

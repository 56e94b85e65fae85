-- Temporary: the names older systems used, singular and plural, as views over core. New code uses core.

CREATE VIEW compat.customer WITH (security_invoker = true) AS SELECT * FROM core.customers;
CREATE VIEW compat.customers WITH (security_invoker = true) AS SELECT * FROM core.customers;
CREATE VIEW compat.category WITH (security_invoker = true) AS SELECT * FROM core.categories;
CREATE VIEW compat.categories WITH (security_invoker = true) AS SELECT * FROM core.categories;
CREATE VIEW compat.product WITH (security_invoker = true) AS SELECT * FROM core.products;
CREATE VIEW compat.products WITH (security_invoker = true) AS SELECT * FROM core.products;
CREATE VIEW compat.product_variant WITH (security_invoker = true) AS SELECT * FROM core.product_variants;
CREATE VIEW compat.product_category WITH (security_invoker = true) AS SELECT * FROM core.product_categories;
CREATE VIEW compat.inventory WITH (security_invoker = true) AS SELECT * FROM core.inventory_items;
CREATE VIEW compat.inventory_item WITH (security_invoker = true) AS SELECT * FROM core.inventory_items;
-- “order” is reserved in SQL; older systems quoted it.
CREATE VIEW compat."order" WITH (security_invoker = true) AS SELECT * FROM core.sales_orders;
CREATE VIEW compat.orders WITH (security_invoker = true) AS SELECT * FROM core.sales_orders;
CREATE VIEW compat.sales_order WITH (security_invoker = true) AS SELECT * FROM core.sales_orders;
CREATE VIEW compat.order_item WITH (security_invoker = true) AS SELECT * FROM core.sales_order_items;
CREATE VIEW compat.order_items WITH (security_invoker = true) AS SELECT * FROM core.sales_order_items;
CREATE VIEW compat.sales_order_item WITH (security_invoker = true) AS SELECT * FROM core.sales_order_items;

DO $$
DECLARE
    relation regclass;
BEGIN
    FOR relation IN SELECT oid FROM pg_class WHERE relnamespace = 'compat'::regnamespace AND relkind = 'v' LOOP
        EXECUTE format('COMMENT ON VIEW %s IS %L', relation, 'Temporary name from older systems; use core instead.');
    END LOOP;
END $$;

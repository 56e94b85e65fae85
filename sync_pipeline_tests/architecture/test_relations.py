"""The relations users know by name exist, as tables or views (the specification's list)."""

from sync_pipeline.db.engine import Database

PROMISED = {
    "connect": "organization app_user api_token integration_connector",
    "capture": "woocommerce_sync odoo_sync sync_record_version sync_cursor sync_ledger sync_quarantine sync_logs",
    "preview": "sync_preview_cache",
    "selection": "sync_selective_config standing_rule sync_plan sync_plan_item",
    "promote": "sync_queue sync_queue_line woo_customer_sync_queue woo_customer_sync_queue_line integration_mapping "
    "conflict",
    "core": "customers categories products product_variants product_categories inventory_items sales_orders "
    "sales_order_items",
    "observe": "sync_activity woo_sync_activity request decision",
    "compat": "customer product orders",
}


def test_a_promised_relation_can_be_read_by_the_application(database: Database) -> None:
    with database.unscoped() as conn:
        for relation in (f"{schema}.{name}" for schema, names in PROMISED.items() for name in names.split()):
            assert conn.exec_driver_sql(f"SELECT count(*) FROM {relation}").scalar_one() == 0, relation

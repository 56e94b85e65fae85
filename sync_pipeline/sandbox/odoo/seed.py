"""A business's worth of data: deterministic by `random_seed`, at any size."""

from sync_pipeline.sandbox.odoo.store import Store


def seed(store: Store, *, random_seed: int = 7, products: int = 40, partners: int = 30, orders: int = 60) -> None:
    with store.lock:
        at = store.now() - 86_400_000_000 * 30
        store.put("res.currency", {"name": "USD", "symbol": "$"}, at)
        store.put("res.country", {"name": "Germany", "code": "DE"}, at)
        store.put("uom.uom", {"name": "Units"}, at)
        store.put("res.company", {"name": "My Company", "currency_id": 1, "partner_id": 1}, at)
        store.put("product.category", {"name": "All", "complete_name": "All", "parent_path": "1/"}, at)
        store.put("res.users", {"login": "admin", "partner_id": 3, "company_id": 1, "company_ids": [1]}, at, row_id=2)
        with store.transaction() as made:
            made.create(
                "res.partner",
                [
                    {"name": f"Partner {n}", "email": f"cust{n}@example.test", "customer_rank": n % 2}
                    for n in range(partners)
                ],
            )
            made.create(
                "product.template",
                [
                    {"name": f"Product {n}", "list_price": 9.5 + n, "default_code": f"SKU-{n:05d}", "categ_id": 1}
                    for n in range(products)
                ],
            )
        with store.transaction() as made:
            made.create("sale.order", [{"partner_id": n % partners + 1} for n in range(orders)])
        with store.transaction() as made:
            made.create("sale.order.line", [{"order_id": n + 1, "product_id": n % products + 1} for n in range(orders)])

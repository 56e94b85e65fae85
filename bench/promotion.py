"""Promotion, of both providers: products with variants and stock, and orders with items and refunds.

The floor is `COPY … FROM` of the very same rows, by the owner, into tables with the same columns, defaults and indexes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bench.ground import Ground, ground, promote_all, serving, serving_odoo
from bench.report import Row, Turn, raced

NAME = "promotion"
TITLE = "Promotion, against COPY of the core rows that come out"
SCALE = 50_000
_CATALOGUE = ("categories", "products", "product_variants", "product_categories", "inventory_items")
_SALES = ("customers", "sales_orders", "sales_order_items")


@dataclass(frozen=True)
class Case:
    """What is promoted, and what is in core before. What is not filled by SQL is pulled from a sandbox store, whole."""

    title: str
    provider: str
    goal: str
    types: Sequence[str]
    tables: Sequence[str] = _CATALOGUE
    before: Sequence[str] = ()
    by_sql: bool = False

    def condition(self, types: Sequence[str]) -> str:
        """Of captured records."""
        return "entity_type IN ({})".format(", ".join(f"'{one}'" for one in types))


_CASES = (
    Case("WooCommerce products", "woocommerce", "≤ 3", ("category", "product", "variation"), by_sql=True),
    Case("Odoo products", "odoo", "≤ 3", ("category", "product", "variation", "stock")),
    Case(
        "WooCommerce orders",
        "woocommerce",
        "≤ 4",
        ("order", "refund"),
        _SALES,
        ("category", "product", "variation", "customer"),
    ),
    Case(
        "Odoo orders",
        "odoo",
        "≤ 4",
        ("order", "order_line"),
        _SALES,
        ("category", "product", "variation", "customer"),
    ),
)
_ORDERS = 5  # times fewer than products: an order has several rows

PRODUCT = {
    "slug": "organic-cotton-t-shirt", "permalink": "https://shop.example/product/organic-cotton-t-shirt/",
    "date_created": "2026-03-01T10:00:00", "date_created_gmt": "2026-03-01T09:00:00",
    "date_modified": "2026-06-01T10:00:00", "date_modified_gmt": "2026-06-01T09:00:00",
    "type": "simple", "status": "publish", "featured": False, "catalog_visibility": "visible",
    "description": "<p>" + "Soft, fair and made to last. " * 12 + "</p>",
    "short_description": "<p>Soft &amp; fair.</p>",
    "price": "19.90", "regular_price": "24.90", "sale_price": "19.90", "on_sale": True, "purchasable": True,
    "date_on_sale_from": None, "date_on_sale_to": None, "total_sales": 12, "virtual": False, "downloadable": False,
    "downloads": [], "download_limit": -1, "external_url": "", "button_text": "", "tax_status": "taxable",
    "tax_class": "", "manage_stock": True, "stock_quantity": 17, "backorders": "no", "backorders_allowed": False,
    "low_stock_amount": None, "sold_individually": False, "weight": "0.2",
    "dimensions": {"length": "", "width": "", "height": ""}, "shipping_class": "", "shipping_class_id": 0,
    "reviews_allowed": True, "average_rating": "4.50", "rating_count": 8, "upsell_ids": [], "cross_sell_ids": [],
    "purchase_note": "", "tags": [{"id": 3, "name": "bio", "slug": "bio"}],
    "images": [{"id": 9, "src": "https://shop.example/i/9.jpg", "name": "front", "alt": "front"}],
    "attributes": [{"id": 1, "name": "Size", "slug": "pa_size", "position": 0, "visible": True, "variation": True,
                    "options": ["S", "M", "L"]}],
    "default_attributes": [], "variations": [], "grouped_products": [], "menu_order": 0,
    "related_ids": [1, 2, 3, 4, 5], "meta_data": [{"id": 1, "key": "_brand", "value": "Acme"}],
    "stock_status": "instock", "has_options": False, "global_unique_id": "",
    "price_html": "<span class=\"amount\"><bdi>19.90</bdi></span>",
}  # fmt: skip


def run(scale: int, runs: int) -> Iterable[Row]:
    """Each case on a server of its own, the floor and the promotion in turns."""
    for case in _CASES:
        ours, floors, records, rows = [], [], 0, 0
        with _filled(case, scale) as (at, org_id):
            at.owner.execute("VACUUM ANALYZE")
            for _ in range(runs):
                forget_promoted(at)
                if case.before:
                    promote_all(at, org_id, case.condition(case.before))
                at.settle()
                records, turn = promote_all(at, org_id, case.condition(case.types))
                ours.append(turn)
                turn, rows = floor(at, case.tables)
                floors.append(turn)
        yield raced(f"floor: COPY, {case.title}", floors, note=f"{rows:,} rows of {', '.join(case.tables)}")
        yield raced(
            f"promotion, {case.title}",
            ours,
            against=floors,
            ratio_to="COPY",
            goal=case.goal,
            note=f"{records:,} records of {', '.join(case.types)}",
        )


@contextmanager
def _filled(case: Case, scale: int) -> Iterator[tuple[Ground, int]]:
    """A database with the captured records of a case, and the organization."""
    orders = max(1, scale // _ORDERS)
    with ground() as at:
        if case.by_sql:
            fill(at, scale)
            yield at, 1
        elif case.provider == "woocommerce":
            with serving(at, max(1, orders // 10), orders) as store:
                made = at.connect_store("bench", store)
                at.pull("bench", "--full", "--entities", ",".join(made.source.streams))
            yield at, made.org_id
        else:
            size = (
                f"{scale}-products" if case.tables is _CATALOGUE else f"{max(1, orders // 10)}-products-{orders}-orders"
            )
            with serving_odoo(at, size) as given:
                made = at.connect_odoo("bench", given)
                at.pull("bench", "--full", "--entities", ",".join(made.source.streams))
            yield at, made.org_id


def fill(at: Ground, products: int) -> None:
    """Insert captured categories and products (every fifth with three variations)."""
    owner = at.owner
    owner.execute("INSERT INTO connect.organization (org_id, slug, name, currency) VALUES (1, 'bench', 'b', 'EUR')")
    connection_id = at.one(
        "INSERT INTO connect.integration_connector (org_id, name, provider, store_url, credentials) "
        "VALUES (1, 'shop', 'woocommerce', 'https://shop.example', '') RETURNING connection_id"
    )
    insert = (
        "INSERT INTO capture.sync_record (org_id, connection_id, entity_type, external_id, provider, sync_data, "
        "content_hash, raw_hash, code) SELECT 1, %(c)s, k.type, k.id::text, 'woocommerce', k.data, "
        "sha256(convert_to(k.data::text, 'UTF8')), sha256(convert_to(k.data::text, 'UTF8')), k.data ->> 'sku' "
        "FROM ({}) AS k (type, id, data)"
    )
    template = json.dumps(PRODUCT)
    owner.execute(
        insert.format(
            "SELECT 'category', n, jsonb_build_object('id', n, 'name', 'Category ' || n, 'slug', 'c-' || n, "
            "'parent', n / 10, 'description', '', 'image', NULL, 'menu_order', n) FROM generate_series(1, 100) AS n"
        ),
        {"c": connection_id},
    )
    owner.execute(
        insert.format(
            "SELECT 'product', n, %(t)s::jsonb || jsonb_build_object('id', n, 'name', 'T-shirt &amp; co ' || n, "
            "'sku', 'SKU-' || n, 'slug', 'organic-' || n, "
            "'type', CASE WHEN n %% 5 = 0 THEN 'variable' ELSE 'simple' END, "
            "'manage_stock', n %% 5 <> 0, 'categories', jsonb_build_array(jsonb_build_object('id', n %% 100 + 1))) "
            "FROM generate_series(1, %(n)s) AS n"
        ),
        {"c": connection_id, "t": template, "n": products},
    )
    owner.execute(
        insert.format(
            "SELECT 'variation', 1000000 + n * 10 + v, %(t)s::jsonb || jsonb_build_object('id', 1000000 + n * 10 + v, "
            "'parent_id', n, 'name', 'Size ' || v, 'sku', 'SKU-' || n || '-' || v, 'type', 'variation', 'attributes', "
            "jsonb_build_array(jsonb_build_object('id', 1, 'name', 'Size', 'option', v::text))) "
            "FROM generate_series(5, %(n)s, 5) AS n, generate_series(1, 3) AS v"
        ),
        {"c": connection_id, "t": template, "n": products},
    )


def forget_promoted(at: Ground) -> None:
    """Remove what was promoted: every record is new again."""
    at.owner.execute(
        "TRUNCATE core.categories, core.products, core.product_variants, core.product_categories, "
        "core.inventory_items, core.sales_orders, core.sales_order_items, core.customers, core.customer_addresses, "
        "promote.integration_mapping, promote.pending_link, promote.core_change, promote.conflict, "
        "promote.sync_queue, promote.sync_queue_line, preview.difference, preview.tally CASCADE"
    )
    at.owner.execute(
        "INSERT INTO preview.difference (org_id, connection_id, entity_type, external_id, status, content_hash) "
        "SELECT org_id, connection_id, entity_type, external_id, 'new', content_hash FROM capture.sync_record"
    )
    at.owner.execute("ANALYZE preview.difference")  # as a comparison does


def floor(at: Ground, tables: Sequence[str]) -> tuple[Turn, int]:
    """What it takes to COPY the rows that the last queue wrote into identical tables, and the number of rows."""
    owner = at.owner
    last = at.one("SELECT queue_id FROM promote.sync_queue ORDER BY created_at DESC LIMIT 1")
    files = {}
    for table in tables:
        columns = ", ".join(
            name
            for (name,) in owner.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
                "AND attgenerated = '' AND NOT attisdropped ORDER BY attnum",
                (f"core.{table}",),
            )
        )
        written = f"SELECT {columns} FROM core.{table} WHERE queue_id = '{last}'"
        with owner.cursor().copy(f"COPY ({written}) TO STDOUT") as out:
            files[table] = (columns, b"".join(bytes(part) for part in out))
        owner.execute(f"CREATE TABLE floor_{table} (LIKE core.{table} INCLUDING ALL)")

    def work() -> int:
        rows = 0
        with owner.transaction(), owner.cursor() as cursor:
            for table, (columns, content) in files.items():
                with cursor.copy(f"COPY floor_{table} ({columns}) FROM STDIN") as into:
                    into.write(content)
                rows += cursor.rowcount
        return rows

    at.settle()
    found = at.turn(work)
    for table in tables:
        owner.execute(f"DROP TABLE floor_{table}")
    return found

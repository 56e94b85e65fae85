"""The views of `report` against pandas over core: refunds, cancelled orders, two stores, currencies, copies, days."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from sync_pipeline import frames
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database
from sync_pipeline.entities.order import NOT_SOLD
from sync_pipeline.steps import connect
from sync_pipeline_tests.databases import Template
from sync_pipeline_tests.integration.promote_world import customer, product, variation
from sync_pipeline_tests.integration.promote_world import order as woo_order
from sync_pipeline_tests.integration.test_promote_odoo_one_core import Erp, partner
from sync_pipeline_tests.integration.test_promote_odoo_one_core import order as odoo_order
from sync_pipeline_tests.seeded import promoted_stores

Core = Callable[[str], pd.DataFrame]


@pytest.fixture(scope="module")
def template(server: EmbeddedPostgres) -> Iterator[Template]:
    with promoted_stores(server) as made:
        yield made


@pytest.fixture
def org(database: Database) -> connect.Organization:
    """What the tests of small worlds use: it has nothing."""
    return connect.organization(database, "other")


@pytest.fixture
def world(database: Database, org: connect.Organization) -> Erp:
    made = Erp(database, org.org_id)
    made.organize(currency="USD")
    return made


def in_full(values: pd.Series) -> Decimal | None:
    """The sum of what is there, as SQL adds: nothing at all is null."""
    found = [one for one in values if one is not None and one is not pd.NA]
    return sum(found, Decimal(0)) if found else None


def words(values: pd.Series) -> str | None:
    return ", ".join(sorted(str(one) for one in set(values.dropna()))) or None


def live(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["deleted_at"].isna()]


def connections(database: Database, slug: str) -> dict[tuple[str, int], str]:
    """Which connection the one record behind a row is of."""
    org = connect.organization(database, slug)
    with database.org(org.org_id) as conn:
        rows = conn.exec_driver_sql(
            "SELECT m.core_table, m.internal_id, c.name FROM promote.integration_mapping AS m "
            "JOIN connect.integration_connector AS c USING (org_id, connection_id) "
            "WHERE m.org_id = connect.current_org()"
        )
        return {(row.core_table, row.internal_id): row.name for row in rows}


def sales(database: Database, slug: str) -> pd.DataFrame:
    """The orders that count, by plain Python over core: sold, and no copy of another store's."""
    orders = live(frames.core(slug, "sales_orders", database=database))
    orders = orders[~orders["status"].isin([str(one) for one in NOT_SOLD])].copy()
    of = connections(database, slug)
    orders["connection"] = [of["core.sales_orders", one] for one in orders["id"]]
    rows: list[Any] = orders.to_dict("records")

    def copied(one: dict[str, Any]) -> bool:
        wanted = {
            number
            for field in ("client_order_ref", "origin")
            if (text := one["metadata"].get(field))
            for number in (text.strip().casefold(), re.sub(r"^[^0-9]+", "", text.strip().casefold()))
        }
        return any(
            other["connection"] != one["connection"]
            and other["number"].strip().casefold() in wanted
            and pd.notna(one["customer_id"])
            and (other["customer_id"], other["currency"], other["total"])
            == (one["customer_id"], one["currency"], one["total"])
            for other in rows
        )

    orders = orders[[not copied(one) for one in rows]]
    orders["day"] = (
        orders["ordered_at"].dt.tz_convert("UTC").dt.normalize().dt.tz_localize(None).astype("datetime64[us]")
    )
    orders["net_total"] = orders["total"] - orders["refunded_total"]
    return orders


def same(view: pd.DataFrame, ours: pd.DataFrame, key: Sequence[str]) -> None:
    """The same rows with the same values, in whatever order; a null is a null whatever its kind."""

    def rows(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
        clean = frame.astype(object).where(frame.notna(), None)
        return sorted((tuple(row) for row in clean.itertuples(index=False, name=None)), key=repr)

    assert len(view) > 0
    assert not view.duplicated(list(key)).any()
    assert [normal(row) for row in rows(view)] == [normal(row) for row in rows(ours[list(view.columns)])]


def normal(row: tuple[Any, ...]) -> list[Any]:
    """Numbers by their value: a count is an integer in one and a Decimal in the other."""
    return [Decimal(one) if isinstance(one, int | float) and not isinstance(one, bool) else one for one in row]


def grouped(frame: pd.DataFrame, key: list[str], sums: dict[str, str], orders: str = "id") -> pd.DataFrame:
    groups = frame.groupby(key, dropna=False)
    made = {name: groups[column].agg(in_full) for name, column in sums.items()}
    return pd.DataFrame({**made, "orders": groups[orders].nunique()}).reset_index()


SUMS = {one: one for one in ("total", "refunded_total", "net_total", "tax_total", "shipping_total", "discount_total")}


def test_sales_by_day(database: Database) -> None:
    ours = grouped(sales(database, "acme"), ["day", "connection", "currency"], SUMS)
    view = frames.report("acme", "sales_by_day", database=database)
    same(view, ours, ["day", "connection", "currency"])
    assert view["refunded_total"].sum() > 0
    assert view["connection"].nunique() == 2


def test_sales(database: Database) -> None:
    ours = sales(database, "acme").rename(columns={"id": "order_id"})
    same(frames.report("acme", "sales", database=database), ours, ["order_id"])
    dropped = len(live(frames.core("acme", "sales_orders", database=database))) - len(ours)
    assert dropped > 0, "the seeds have orders that were never sold"


def test_sales_by_customer(database: Database) -> None:
    orders = sales(database, "acme")
    people = frames.core("acme", "customers", database=database)[["id", "name", "email"]]
    ours = grouped(orders, ["customer_id", "currency"], {one: one for one in ("total", "refunded_total", "net_total")})
    times = orders.groupby(["customer_id", "currency"], dropna=False)["ordered_at"]
    ours["first_ordered_at"], ours["last_ordered_at"] = times.min().to_list(), times.max().to_list()
    ours = ours.merge(people.rename(columns={"id": "customer_id"}), on="customer_id", how="left")
    same(frames.report("acme", "sales_by_customer", database=database), ours, ["customer_id", "currency"])


def test_sales_agree_with_the_figures_of_customers(database: Database) -> None:
    """Everything captured is promoted: what a customer bought is their lifetime value, in its currency."""
    people = live(frames.core("acme", "customers", database=database))
    view = frames.report("acme", "sales_by_customer", database=database)
    rows: list[Any] = [one for one in view.to_dict("records") if pd.notna(one["customer_id"])]
    bought = {(one["customer_id"], one["currency"]): one for one in rows}
    assert people["order_count"].sum() == sum(one["orders"] for one in rows) > 0
    known: list[Any] = people.to_dict("records")
    for one in known:
        row = bought.get((one["id"], one["lifetime_currency"]))
        assert one["lifetime_value"] == (row["net_total"] if row is not None else 0)


def test_sales_by_product(database: Database) -> None:
    orders = sales(database, "acme")[["id", "currency"]].rename(columns={"id": "order_id"})
    items = live(frames.core("acme", "sales_order_items", database=database)).merge(orders, on="order_id")
    variants = frames.core("acme", "product_variants", database=database).set_index("id")
    products = frames.core("acme", "products", database=database).set_index("id")
    rows = []
    for one in items.to_dict("records"):
        named = pd.notna(one["product_id"]) or pd.notna(one["variant_id"])
        if not (one["item_type"] == "line" or (one["item_type"] == "refund" and named)):
            continue
        variant = variants.loc[one["variant_id"]] if pd.notna(one["variant_id"]) else None
        product_id = (
            one["product_id"] if pd.notna(one["product_id"]) else variant["product_id"] if variant is not None else None
        )
        of = products.loc[product_id] if product_id is not None and pd.notna(product_id) else None
        own = [
            one
            for one in (variant["sku"] if variant is not None else None, of["sku"] if of is not None else None)
            if pd.notna(one)
        ]
        known = variant is not None or of is not None
        refund = one["item_type"] == "refund"
        rows.append(
            {
                "order_id": one["order_id"],
                "product_id": product_id,
                "variant_id": one["variant_id"],
                "sku": own[0] if own else (None if known else one["sku"]),
                "name": of["name"] if of is not None else (None if known else one["name"]),
                "variant": variant["name"] if variant is not None else None,
                "currency": one["currency"],
                "quantity": None if refund else one["quantity"],
                "total": Decimal(0) if refund else one["total"],
                "refunded_quantity": abs(one["quantity"]) if refund and one["quantity"] is not None else None,
                "refunded_total": -one["total"] if refund else Decimal(0),
            }
        )  # fmt: skip
    key = ["product_id", "variant_id", "sku", "name", "variant", "currency"]
    frame = pd.DataFrame(rows).astype(dict.fromkeys(("sku", "name", "variant", "currency"), "string"))
    sums = {one: one for one in ("quantity", "total", "refunded_quantity", "refunded_total")}
    view = frames.report("acme", "sales_by_product", database=database)
    same(view, grouped(frame, key, sums, orders="order_id"), key)
    assert view["refunded_total"].sum() > 0
    assert view["variant_id"].notna().any()


def test_stock_by_article(database: Database) -> None:
    stock = live(frames.core("acme", "inventory_items", database=database)).copy()
    variants = frames.core("acme", "product_variants", database=database).set_index("id")
    products = frames.core("acme", "products", database=database).set_index("id")
    org = connect.organization(database, "acme")
    names = {one.connection_id: one.name for one in connect.connections(database, org)}
    stock["connection"] = [names[one] for one in stock["connection_id"]]

    def of(row: Any, table: pd.DataFrame, field: str, by: str) -> Any:
        return table.loc[row[by], field] if pd.notna(row[by]) else None

    rows = stock.to_dict("records")
    for row in rows:
        row["variant"] = of(row, variants, "name", "variant_id")
        if pd.isna(row["product_id"]):
            row["product_id"] = of(row, variants, "product_id", "variant_id")
        row["name"] = of(row, products, "name", "product_id")
        skus = [of(row, variants, "sku", "variant_id"), of(row, products, "sku", "product_id")]
        row["sku"] = next((one for one in skus if pd.notna(one)), None)
    key = ["product_id", "variant_id", "sku", "name", "variant", "connection", "location"]
    frame = pd.DataFrame(rows)
    groups = frame.groupby(key, dropna=False)
    ours = pd.DataFrame(
        {
            "quantity": groups["quantity"].agg(in_full),
            "stock_status": groups["stock_status"].agg(words),
        }
    ).reset_index()
    view = frames.report("acme", "stock_by_article", database=database)
    same(view, ours, key)
    assert view["quantity"].isna().any(), "what is not counted is not zero"
    assert view["connection"].nunique() == 2


def test_customers_by_segment(database: Database) -> None:
    people = live(frames.core("acme", "customers", database=database)).rename(columns={"lifetime_currency": "currency"})
    groups = people.groupby(["segment", "currency"], dropna=False)
    ours = pd.DataFrame(
        {
            "customers": groups["id"].count(),
            "active_customers": groups["status"].agg(lambda some: int((some == "active").sum())),
            "orders": groups["order_count"].sum(),
            "lifetime_value": groups["lifetime_value"].agg(in_full),
        }
    ).reset_index()
    same(frames.report("acme", "customers_by_segment", database=database), ours, ["segment", "currency"])


# Small worlds: what a seed has too little of.


def by(database: Database, view: str, *columns: str) -> list[tuple[Any, ...]]:
    """Rows of the other organization's report, these columns only; totals as text."""
    frame = frames.report("other", view, columns=columns, database=database)
    return sorted(tuple(None if pd.isna(one) else str(one) for one in row) for row in frame.itertuples(index=False))


def shop_order(world: Erp, number: int, **fields: Any) -> tuple[int, str, str]:
    return world.capture("order", woo_order(number, **fields), connection=world.shop)


def test_two_currencies_are_never_added_up(world: Erp, database: Database) -> None:
    world.apply(
        world.capture("product", product(1), connection=world.shop),
        *(
            shop_order(world, n, currency=currency, total="10.00")
            for n, currency in enumerate(("USD", "EUR", "EUR"), 1)
        ),
    )
    assert by(database, "sales_by_day", "currency", "total", "orders") == [("EUR", "20.00", "2"), ("USD", "10.00", "1")]
    assert by(database, "sales_by_customer", "currency", "total") == [("EUR", "20.00"), ("USD", "10.00")]
    assert by(database, "sales_by_product", "currency", "total") == [("EUR", "20.00"), ("USD", "10.00")]


def test_what_was_never_sold_or_is_deleted_does_not_count(world: Erp, database: Database) -> None:
    states = ("completed", "processing", "refunded", "cancelled", "failed", "trash", "checkout-draft")
    world.apply(*(shop_order(world, n, status=state) for n, state in enumerate(states, 1)))
    assert by(database, "sales", "status") == [("completed",), ("processing",), ("refunded",)]
    world.apply(world.capture("order", woo_order(1), connection=world.shop, deleted=True))
    assert by(database, "sales", "status") == [("processing",), ("refunded",)]


def test_a_refund_lowers_the_day_of_its_order_and_names_its_lines(world: Erp, database: Database) -> None:
    line = {"id": 1, "name": "Thing", "product_id": 1, "variation_id": 0, "sku": "P-1"}
    refund = {
        "id": 5, "parent_id": 1, "amount": "30.00", "date_created_gmt": "2026-05-05T00:00:00", "reason": "",
        "line_items": [{**line, "quantity": -1, "subtotal": "-30.00", "total": "-30.00", "total_tax": "0.00"}],
        "shipping_lines": [], "fee_lines": [],
    }  # fmt: skip
    world.apply(
        world.capture("product", product(1), connection=world.shop),
        shop_order(world, 1),
        world.capture("refund", refund, connection=world.shop),
    )
    assert by(database, "sales_by_day", "day", "total", "refunded_total", "net_total") == [
        ("2026-02-03 00:00:00", "100.00", "30.00", "70.00")
    ]
    assert by(database, "sales_by_product", "sku", "quantity", "total", "refunded_quantity", "refunded_total") == [
        ("P-1", "1", "100.00", "1", "30.00")
    ]


def test_a_day_is_in_utc_or_in_the_zone_that_is_set(world: Erp, database: Database) -> None:
    late = pd.Timestamp("2026-07-01T23:30:00Z")
    world.apply(shop_order(world, 1, date_created_gmt=late.strftime("%Y-%m-%dT%H:%M:%S")))
    with database.org(world.org_id) as conn:

        def day() -> str:
            return str(conn.exec_driver_sql("SELECT day FROM report.sales_by_day").scalar_one())

        assert day() == "2026-07-01"
        conn.exec_driver_sql("SET LOCAL TIME ZONE 'Asia/Tokyo'")
        assert day() == "2026-07-01", "the session's zone makes no difference"
        conn.exec_driver_sql("SET LOCAL sync.time_zone = 'Europe/Berlin'")
        assert day() == str(late.tz_convert(ZoneInfo("Europe/Berlin")).date()) == "2026-07-02"


def test_the_same_sale_in_two_stores_counts_once(world: Erp, database: Database) -> None:
    """Held against the figures of customers, which follow the same rule."""
    erp2 = world.connect("erp2", "odoo")
    for connection in (world.erp, erp2):
        world.capture("currency", {"id": 126, "name": "EUR"}, connection=connection)
    mail = "ada@example.test"
    made = [
        world.capture("customer", customer(1, email=mail), connection=world.shop),
        *(world.capture("customer", partner(1, email=mail), connection=one) for one in (world.erp, erp2)),
        shop_order(world, 5001, currency="EUR", customer_id=1),
        shop_order(world, 5002, currency="EUR", customer_id=1, total="20.00"),
        # A copy; a reference to an order of another total; one to nothing.
        world.capture("order", odoo_order(1, partner_id=1, client_order_ref="WC-5001")),
        world.capture("order", odoo_order(2, partner_id=1, origin="#5002")),
        world.capture("order", odoo_order(3, partner_id=1, origin="4711")),
        # Two that refer to each other, and one that refers to one of them.
        world.capture("order", odoo_order(4, partner_id=1, name="A-4", origin="B-9")),
        world.capture("order", odoo_order(9, partner_id=1, name="B-9", origin="A-4"), connection=erp2),
        world.capture("order", odoo_order(10, partner_id=1, name="B-10", origin="A-4"), connection=erp2),
    ]
    world.apply(*made)

    def counted() -> list[str]:
        return [number for (number,) in by(database, "sales", "number")]

    def agree() -> bool:
        (value, orders) = world.one("SELECT lifetime_value, order_count FROM core.customers WHERE deleted_at IS NULL")
        view = frames.report("other", "sales_by_customer", database=database)
        return (view["net_total"].sum(), view["orders"].sum()) == (value + other_currencies(world), orders)

    assert counted() == ["5001", "5002", "A-4", "S00002", "S00003"]
    assert agree()
    world.sql("""UPDATE connect.integration_connector SET settings = '{"same_sales": false}' WHERE name = 'erp'""")
    assert counted() == ["5001", "5002", "A-4", "S00001", "S00002", "S00003"]


def other_currencies(world: Erp) -> Decimal:
    (found,) = world.one("SELECT metadata -> 'other_currencies' FROM core.customers WHERE deleted_at IS NULL")
    return sum((Decimal(str(one)) for one in (found or {}).values()), Decimal(0))


def test_a_line_of_an_article_that_is_not_in_core_keeps_the_orders_words(world: Erp, database: Database) -> None:
    world.apply(
        world.capture("product", product(2, type="variable", name="Shirt"), connection=world.shop),
        world.capture("variation", variation(21, 2, name="Red"), connection=world.shop),
    )
    lines = [
        {"id": 1, "name": "Gone", "product_id": 99, "variation_id": 0, "sku": "OLD", "quantity": 2},
        {"id": 2, "name": "Shirt - Red", "product_id": 2, "variation_id": 21, "sku": "V-21", "quantity": 1},
    ]
    money = {"subtotal": "50.00", "total": "50.00", "total_tax": "0.00"}
    world.apply(shop_order(world, 1, line_items=[{**one, **money} for one in lines]))
    assert by(database, "sales_by_product", "sku", "name", "variant", "quantity") == [
        ("OLD", "Gone", None, "2"),
        ("V-21", "Shirt", "Red", "1"),
    ]


def test_a_report_reads_as_whoever_asks(world: Erp, database: Database) -> None:
    world.apply(shop_order(world, 1))
    assert by(database, "sales", "number") == [("1",)]
    assert len(frames.report("acme", "sales", database=database)) > 1
    with database.unscoped() as conn:
        for view in ("sales", "sales_by_day", "stock_by_article", "customers_by_segment", "copied_order", "sold_order"):
            assert conn.exec_driver_sql(f"SELECT count(*) FROM report.{view}").scalar_one() == 0

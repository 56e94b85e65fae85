"""Two whole stores in one core: pulled from their sandboxes, promoted in either order, undone in either order."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import make_url

from sandbox import odoo as odoo_sandbox
from sandbox import woocommerce as woo_sandbox
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.steps import connect, promote
from sync_pipeline.steps.observe.checks import CHECKS
from sync_pipeline_tests.databases import Template, cloned, opened_as_the_application, settings_at
from sync_pipeline_tests.folders import data_folder
from sync_pipeline_tests.odoo_stores import Odoo, odoo
from sync_pipeline_tests.shares import rarely
from sync_pipeline_tests.stores import Connected, Shop, shop

_REFERENCES = {
    "parent_id": "core.categories",
    "category_id": "core.categories",
    "product_id": "core.products",
    "variant_id": "core.product_variants",
    "customer_id": "core.customers",
    "order_id": "core.sales_orders",
}
_TABLES = ("categories", "customers", "customer_addresses", "products", "product_variants", "product_categories",
           "inventory_items", "sales_orders", "sales_order_items", "reference_data")  # fmt: skip
_PORT = re.compile(r"(?<=127\.0\.0\.1):\d+")  # each organization has servers of its own, of the same stores
_MOVING = "'{org_id,created_at,updated_at,queue_id,connection_id}'::text[]"


@dataclass
class Pair:
    """An organization with a WooCommerce shop and an Odoo, both pulled."""

    woo: Shop
    erp: Odoo

    def promote(self, *stores: Connected) -> str:
        """Promote everything that is captured of these stores, in one plan."""
        plan = str(
            self.woo.value(
                "INSERT INTO selection.sync_plan (org_id, plan_hash, origin, created_by) "
                "VALUES (connect.current_org(), 'x', 'test', 'tester') RETURNING plan_id"
            )
        )
        self.woo.rows(
            "INSERT INTO selection.sync_plan_item (org_id, plan_id, connection_id, entity_type, external_id, action, "
            "content_hash) SELECT org_id, %(p)s, connection_id, entity_type, external_id, 'create', content_hash "
            "FROM capture.sync_record WHERE org_id = connect.current_org() AND connection_id = ANY(%(c)s) RETURNING 1",
            p=plan,
            c=[store.connection.connection_id for store in stores],
        )
        report = promote.apply(self.woo.db, self.woo.org.org_id, plan, actor="tester")
        assert (report.state, report.errors) == ("done", [])
        return plan

    def undo(self, plan: str) -> None:
        promote.undo(self.woo.db, self.woo.org.org_id, plan, actor="tester")

    def core(self) -> dict[str, list[str]]:
        """Core without its ids: each row with the records behind it, references as the records behind their target."""
        behind: dict[tuple[str, int], list[str]] = defaultdict(list)
        for one in self.woo.rows("SELECT * FROM promote.integration_mapping WHERE org_id = connect.current_org()"):
            behind[one.core_table, one.internal_id].append(f"{one.provider} {one.entity_type} {one.external_id}")
        content: dict[str, list[str]] = {}
        for table in _TABLES:
            rows = []
            for (row,) in self.woo.rows(f"SELECT to_jsonb(t) - {_MOVING} FROM core.{table} AS t"):
                who = sorted(behind.get((f"core.{table}", row.pop("id", 0)), []))
                for column, target in _REFERENCES.items():
                    if row.get(column) is not None:
                        row[column] = sorted(behind.get((target, row[column]), ["nobody"]))
                rows.append(_PORT.sub("", repr((who, sorted(row.items())))))
            content[table] = sorted(rows)
        return content

    def checks(self) -> list[Any]:
        """What the asset checks of core find."""
        wanted = [one for one in CHECKS if one.name in ("money_adds_up", "no_orphan_mapping")]
        with self.woo.db.org(self.woo.org.org_id) as conn:
            found = [row for one in wanted for row in one.run(conn)]
            return [*found, *execute(conn, "SELECT * FROM core.orphans()")]


@dataclass(frozen=True)
class Pulled(Template):
    """A database with everything that is promoted here, captured once for all tests."""

    pairs: Sequence[Pair]


@pytest.fixture(scope="module", params=[(20, 20, 20), rarely((40, 60, 50))])
def template(server: EmbeddedPostgres, request: pytest.FixtureRequest) -> Iterator[Pulled]:
    """Three organizations connected to the same two stores."""
    products, people, orders = request.param
    woo_store, erp_store = woo_sandbox.Store(), odoo_sandbox.Store()
    woo_sandbox.seed(woo_store, products=products, customers=people, orders=orders, random_seed=3)
    odoo_sandbox.seed(erp_store, products=products, partners=people, orders=orders, random_seed=3)
    with ExitStack() as stack:
        settings = settings_at(stack.enter_context(data_folder()))
        owner_url = stack.enter_context(cloned(server))
        database = stack.enter_context(opened_as_the_application(owner_url))
        made = []
        for slug in ("one", "two", "three"):
            org = connect.add_organization(database, slug)
            pair = Pair(
                stack.enter_context(shop(database, settings, org, woo_store)),
                stack.enter_context(odoo(database, settings, org, erp_store)),
            )
            for store in (pair.woo, pair.erp):
                assert {name: one.error for name, one in store.pull(full=True).items() if not one.ok} == {}
            made.append(pair)
        database.close()  # a database can only be cloned while nobody is connected to it
        yield Pulled(str(make_url(owner_url).database), made)


@pytest.fixture
def pairs(template: Pulled, database: Database) -> list[Pair]:
    """Them, in a test's own database."""
    return [Pair(replace(one.woo, db=database), replace(one.erp, db=database)) for one in template.pairs]


def test_the_core_of_two_stores_is_the_same_in_any_order(pairs: list[Pair]) -> None:
    one, two, three = pairs
    one.promote(one.woo)
    one.promote(one.erp)
    two.promote(two.erp)
    two.promote(two.woo)
    three.promote(three.erp, three.woo)
    core = one.core()
    assert core == two.core()
    assert core == three.core()
    for pair in pairs:
        assert pair.checks() == []
    for table in ("products", "product_variants", "customers"):
        shared = [row for row in core[table] if "'odoo " in row and "'woocommerce " in row]
        assert shared, f"the two sandboxes share none of {table}"


@pytest.mark.parametrize("gone", ["woo", "erp"])
def test_undo_of_one_store_leaves_what_the_other_alone_gives(pairs: list[Pair], gone: str) -> None:
    one, two, three = pairs
    kept = "erp" if gone == "woo" else "woo"
    first = {"woo": one.promote(one.woo), "erp": one.promote(one.erp)}
    second = {"erp": two.promote(two.erp), "woo": two.promote(two.woo)}
    alone = three.promote(getattr(three, kept))
    one.undo(first[gone])
    two.undo(second[gone])
    assert one.core() == three.core()
    assert two.core() == three.core()
    one.undo(first[kept])
    three.undo(alone)
    assert {table: rows for table, rows in one.core().items() if rows} == {}
    assert {table: rows for table, rows in three.core().items() if rows} == {}

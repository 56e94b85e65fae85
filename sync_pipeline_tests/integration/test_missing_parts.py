"""A plan says which parts of its records core would lack: lines of Odoo's orders, variants of products, refunds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sandbox import odoo as odoo_sandbox
from sync_pipeline.cli import context as cli
from sync_pipeline.cli import plan as plan_command
from sync_pipeline.cli import plans as plans_command
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect, promote, select
from sync_pipeline.steps.observe.checks import check
from sync_pipeline_tests.odoo_stores import Odoo, odoo

PULLED = ("companies", "currencies", "categories", "customers", "products", "variants", "orders", "order_lines")


@pytest.fixture
def erp(
    database: Database, settings: Settings, org: connect.Organization, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Odoo]:
    """An Odoo of a few orders, compared; the command line works in its database."""
    store = odoo_sandbox.Store()
    odoo_sandbox.seed(store, products=6, variants=1, partners=6, orders=8)
    with odoo(database, settings, org, store) as here:

        @contextmanager
        def opened() -> Iterator[cli.Context]:
            yield cli.Context(settings, database)

        for module in (plan_command, plans_command):
            monkeypatch.setattr(module, "opened", opened)
        monkeypatch.setenv("COLUMNS", "400")
        here.pull(*PULLED)
        for name in PULLED:
            here.preview(name)
        yield here


def decide(erp: Odoo, name: str, ids: set[str] | None = None, *, include: bool = True) -> None:
    which = {"everything": True} if ids is None else {"ids": sorted(ids)}
    select.select(erp.db, erp.connection, erp.stream(name), include=include, actor="ann", **which)


def lines_of(erp: Odoo, order: str) -> set[str]:
    """Ids of an order's lines, as the store has them."""
    return {
        str(one["id"])
        for one in erp.store.read("sale.order.line", sorted(erp.store.ids("sale.order.line")), load=False)
        if str(one["order_id"]) == order
    }


def planned(erp: Odoo) -> select.Plan:
    made = select.make_plan(erp.db, erp.org, actor="ann")
    assert made is not None
    return made


def applied(erp: Odoo, made: select.Plan | None = None) -> None:
    report = promote.apply(erp.db, erp.org.org_id, (made or planned(erp)).plan_id, actor="ann")
    assert (report.state, list(report.errors)[:1]) == ("done", [])


def test_orders_without_their_lines_are_told_until_the_lines_are_in_the_plan_or_in_core(
    erp: Odoo, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = sorted(order for order in erp.table("orders", "new") if lines_of(erp, order))[:2]
    theirs = lines_of(erp, first) | lines_of(erp, second)
    decide(erp, "customers")
    decide(erp, "orders", {first, second})

    plan_command.plan("acme")
    sentence = f"erp: {len(theirs)} order_lines of 2 of its orders differ from core and are not in this plan"
    told = capsys.readouterr()
    assert sentence in told.err + told.out
    assert "sync-pipeline table acme --connection erp --entity order_lines --choice undecided" in told.err + told.out
    [waits] = [one for one in select.plans(erp.db, erp.org)[0] if one.state == "proposed"]
    missing = [select.MissingParts("erp", "order_lines", "orders", 2, len(theirs))]
    assert select.read_plan(erp.db, erp.org, waits.plan_id).missing_parts == missing
    plans_command.plans("acme", str(waits.plan_id))
    assert sentence in capsys.readouterr().out
    plans_command.plans("acme", str(waits.plan_id), as_json=True)
    assert json.loads(capsys.readouterr().out)["missing_parts"][0]["parts"] == len(theirs)

    # One order's lines join; of the other's one is ignored, so nobody misses it.
    kept, *left = sorted(lines_of(erp, second))
    select.refuse(erp.db, erp.org, waits.plan_id, actor="ann")
    for name in ("categories", "customers", "products", "variants"):
        decide(erp, name)
    decide(erp, "orders", {first, second})
    decide(erp, "order_lines", lines_of(erp, first))
    decide(erp, "order_lines", {kept}, include=False)
    made = planned(erp)
    wanted = [select.MissingParts("erp", "order_lines", "orders", 1, len(left))] if left else []
    assert select.missing_parts(erp.db, erp.org, made) == wanted

    applied(erp, made)
    after = select.plan(erp.db, erp.org, made.plan_id)
    assert select.missing_parts(erp.db, erp.org, after) == [], "it is applied: nothing can be added to it"

    erp.store.write("sale.order", int(first), {"note": "later"})
    erp.pull("orders")
    erp.preview("orders")
    decide(erp, "orders", {first})
    assert select.missing_parts(erp.db, erp.org, planned(erp)) == [], "its lines are in core already"

    changed, gone = sorted(lines_of(erp, first), key=int)[:2]
    erp.store.write("sale.order.line", int(changed), {"name": "Another text"})
    erp.store.unlink("sale.order.line", [int(gone)])
    erp.pull("orders", "order_lines")
    erp.preview("order_lines")
    missing = [select.MissingParts("erp", "order_lines", "orders", 1, 2)]
    assert select.missing_parts(erp.db, erp.org, planned(erp)) == missing, "a changed line and a deleted one"


def test_products_miss_their_variants(erp: Odoo) -> None:
    products = len(erp.table("products", "new"))
    decide(erp, "products")
    [missing] = select.missing_parts(erp.db, erp.org, planned(erp))
    variants = len(erp.table("variants", "new"))
    assert missing == select.MissingParts("erp", "variants", "products", products, variants)


def test_an_order_whose_lines_are_left_out_does_not_add_up(erp: Odoo) -> None:
    first = min((order for order in erp.table("orders", "new") if lines_of(erp, order)), key=int)
    for name in ("categories", "customers", "products", "variants"):
        decide(erp, name)
    decide(erp, "orders", {first})
    applied(erp)
    [money] = [one for one in check(erp.db, erp.org) if one.name == "money_adds_up"]
    assert (money.ok, money.found) == (False, 1)
    lines = len(lines_of(erp, first))
    assert money.examples[0].endswith(f"{lines} line{'s differ' if lines > 1 else ' differs'} from core")

    decide(erp, "order_lines", lines_of(erp, first))
    applied(erp)
    [money] = [one for one in check(erp.db, erp.org) if one.name == "money_adds_up"]
    assert money.ok, money.examples

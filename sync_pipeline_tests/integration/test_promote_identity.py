"""Which records become one core row: mapping, SKU, e-mail; and how conflicts are decided."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline.db.engine import Database
from sync_pipeline.steps import promote
from sync_pipeline.steps.connect import Organization
from sync_pipeline_tests.integration.promote_world import World, customer, order, product, variation


@pytest.fixture
def world(database: Database, org: Organization) -> World:
    return World(database, org.org_id)


def _core(world: World) -> list[tuple[Any, ...]]:
    return [
        tuple(r)
        for r in world.sql(
            "SELECT p.sku, p.name, p.description, p.barcode, p.price::text, (SELECT count(*) FROM "
            "promote.integration_mapping m WHERE m.core_table = 'core.products' AND m.internal_id = p.id) "
            "FROM core.products p WHERE deleted_at IS NULL ORDER BY p.name"
        )
    ]


@pytest.mark.parametrize("first", ["shop", "second", "together"])
def test_one_sku_in_two_stores_is_one_product_whichever_comes_first(world: World, first: str) -> None:
    other = world.connect("second")
    one = world.capture("product", product(50, sku=" Äb-1", name="One", description="", price="1.00"))
    two = world.capture(
        "product", product(9, sku="äB-1 ", name="Two", description="two", price="2.00"), connection=other
    )
    for records in {"shop": [[one], [two]], "second": [[two], [one]], "together": [[two, one]]}[first]:
        assert world.apply(*records).state == "done"
    assert _core(world) == [("Äb-1", "One", "two", None, "1.00", 2)]
    assert world.one("SELECT count(*) FROM core.inventory_items")[0] == 2
    assert world.sql("SELECT 1 FROM promote.conflict") == []


def test_an_update_of_the_lesser_store_does_not_win_over_the_first(world: World) -> None:
    other = world.connect("second")
    world.promote("product", product(1, sku="X", name="One"))
    world.promote("product", product(2, sku="X", name="Two"), connection=other)
    world.promote("product", product(2, sku="X", name="Two again", description="d"), connection=other)
    assert _core(world) == [("X", "One", "d", None, "10.00", 2)]
    world.promote("product", product(1, sku="X", name="One again"))
    assert _core(world) == [("X", "One again", "d", None, "10.00", 2)]


def test_a_shared_product_lives_until_both_stores_delete_it(world: World) -> None:
    other = world.connect("second")
    world.promote("product", product(1, sku="X", name="One"))
    world.promote("product", product(2, sku="X", name="Two"), connection=other)
    world.apply(world.capture("product", product(1, sku="X", name="One"), deleted=True))
    assert world.products() == [("X", "Two", True)]
    world.apply(world.capture("product", product(2, sku="X", name="Two"), connection=other, deleted=True))
    assert world.products() == []


@pytest.mark.parametrize("order", [(20, 3), (3, 20), None])
def test_the_lowest_id_of_a_store_owns_a_duplicate_sku(world: World, order: tuple[int, int] | None) -> None:
    records = {n: world.capture("product", product(n, sku="dup" if n == 3 else "DUP ")) for n in (3, 20)}
    if order is None:
        world.apply(*records.values())
    else:
        for number in order:
            world.apply(records[number])
    rows = {r.name: (r.sku, r.metadata.get("sku_set_aside")) for r in world.sql("SELECT * FROM core.products")}
    assert rows == {"Product 3": ("dup", None), "Product 20": (None, "DUP")}
    (conflict,) = world.sql("SELECT kind, decision, value FROM promote.conflict")
    assert conflict.kind == "duplicate_sku"
    assert conflict.decision == ("took_over" if order == (20, 3) else "set_aside")


def test_when_a_lower_id_takes_a_sku_over_the_other_stores_record_follows_it(world: World) -> None:
    other = world.connect("second")
    world.promote("product", product(20, sku="K", name="Twenty"))
    world.promote("product", product(7, sku="K", name="Other", description="other"), connection=other)
    world.promote("product", product(3, sku="K", name="Three"))
    assert set(_core(world)) == {
        ("K", "Three", "other", None, "10.00", 2),
        (None, "Twenty", None, None, "10.00", 1),
    }
    three = world.one("SELECT id FROM core.products WHERE sku = 'K'").id
    assert world.one("SELECT product_id FROM core.inventory_items WHERE external_id = '7'").product_id == three


def test_a_product_that_gets_another_stores_sku_joins_it(world: World) -> None:
    other = world.connect("second")
    world.promote("product", product(1, sku="A", name="One"))
    report = world.promote("product", product(2, sku="B", name="Two"), connection=other)
    before = world.dump()
    joined = world.promote("product", product(2, sku="A", name="Two"), connection=other)
    assert world.products() == [("A", "One", True)]
    assert world.one("SELECT count(DISTINCT internal_id) FROM promote.integration_mapping")[0] == 1
    assert world.one("SELECT metadata FROM core.products WHERE deleted_at IS NOT NULL").metadata["merged_into"]
    world.undo(joined)
    assert world.dump() == before
    assert report.state == "done"


def test_two_products_may_trade_their_skus(world: World) -> None:
    world.apply(world.capture("product", product(1, sku="A")), world.capture("product", product(2, sku="B")))
    world.apply(world.capture("product", product(1, sku="B")), world.capture("product", product(2, sku="A")))
    world.apply(world.capture("product", product(1, sku="B")), world.capture("product", product(2, sku="A")))
    skus = {r.name: r.sku for r in world.sql("SELECT name, sku FROM core.products")}
    assert skus == {"Product 1": "B", "Product 2": "A"}


def _insert_core(world: World, sku: str) -> int:
    return int(
        world.one(
            "INSERT INTO core.products (org_id, sku, name, price) VALUES (connect.current_org(), %(s)s, 'By hand', 5) "
            "RETURNING id",
            s=sku,
        )[0]
    )


def test_source_wins_adopts_and_overwrites_an_unmapped_row(world: World) -> None:
    row = _insert_core(world, "X")
    before = world.dump()
    report = world.promote("product", product(1, sku="x"))
    adopted = world.one("SELECT id, name, price::text AS price FROM core.products")
    assert tuple(adopted) == (row, "Product 1", "10.00")
    conflict = world.one("SELECT kind, policy, decision, internal_id FROM promote.conflict")
    assert tuple(conflict) == ("unmapped_sku", "source_wins", "source_wins", row)
    world.undo(report)
    assert world.dump() == before


def test_core_wins_maps_and_keeps_the_rows_values(world: World) -> None:
    world.organize(sku_policy="core_wins")
    row = _insert_core(world, "X")
    world.promote("product", product(1, sku="x"))
    world.promote("product", product(1, sku="x", name="Later"))
    world.promote("product", product(8, sku="x", name="Other store"), connection=world.connect("second"))
    kept = world.one("SELECT id, name, price::text AS price FROM core.products")
    assert tuple(kept) == (row, "By hand", "5")
    assert {r[0] for r in world.sql("SELECT internal_id FROM promote.integration_mapping")} == {row}


def test_halt_opens_a_gate_and_goes_on_after_the_answer(world: World) -> None:
    world.organize(sku_policy="halt")
    row = _insert_core(world, "X")
    report = world.apply(world.capture("product", product(1, sku="X")), world.capture("product", product(2, sku="Y")))
    assert (report.state, report.done, report.failed) == ("partial", 1, 1)
    assert world.lines(report)[0].is_action_required
    assert "conflict" in (world.lines(report)[0].reason or "")
    gate = world.one("SELECT * FROM observe.decision")
    assert (gate.cause, gate.recommended, gate.answered_at) == ("sku_conflict", "core_wins", None)
    assert world.one("SELECT decision FROM promote.conflict").decision == "halted"
    world.sql("UPDATE observe.decision SET answer = 'source_wins', answered_by = 'me', answered_at = now()")
    promote.retry(world.db, world.org_id, report.queue, actor="me")
    assert promote.apply(world.db, world.org_id, report.plan, actor="me").state == "done"
    assert world.one("SELECT name FROM core.products WHERE id = %(id)s", id=row).name == "Product 1"
    assert world.one("SELECT outcome FROM observe.decision").outcome


def test_halt_stops_the_second_of_two_records_with_one_sku(world: World) -> None:
    world.organize(sku_policy="halt")
    report = world.apply(*[world.capture("product", product(n, sku="D")) for n in (1, 2, 3)])
    assert (report.done, report.failed) == (1, 2)
    assert world.products() == [("D", "Product 1", True)]
    assert world.one("SELECT count(*) FROM observe.decision WHERE cause = 'sku_conflict'")[0] == 2


def test_a_conflict_is_asked_and_recorded_once(world: World) -> None:
    world.organize(sku_policy="halt")
    report = world.apply(*[world.capture("product", product(n, sku="D")) for n in (1, 2)])
    world.sql("UPDATE observe.decision SET answer = 'separate', answered_by = 'me', answered_at = now()")
    promote.retry(world.db, world.org_id, report.queue, actor="me")
    assert promote.apply(world.db, world.org_id, report.plan, actor="me").state == "done"
    world.promote("product", product(2, sku="D", name="Renamed"))
    assert world.one("SELECT count(*) FROM observe.decision")[0] == 1
    decisions = [r[0] for r in world.sql("SELECT decision FROM promote.conflict ORDER BY conflict_id")]
    assert decisions == ["halted", "set_aside"]
    assert set(world.products()) == {("D", "Product 1", True), (None, "Renamed", True)}
    assert world.sql("SELECT * FROM core.orphans()") == []


def test_variants_have_a_sku_space_of_their_own(world: World) -> None:
    world.promote("product", product(1, sku="S", type="variable"))
    world.promote("variation", variation(7, 1, sku="S"))
    assert world.one("SELECT sku FROM core.product_variants").sku == "S"
    assert world.sql("SELECT 1 FROM promote.conflict") == []


def test_conflicts_are_told_before_promotion(world: World) -> None:
    _insert_core(world, "core")
    for number, sku in ((10, "A"), (9, "a "), (3, "CORE"), (4, "free")):
        world.capture("product", product(number, sku=sku))
    world.preview("product")
    told = {
        (row.external_id, warning["code"], warning.get("owner"))
        for row in world.sql("SELECT external_id, warnings FROM preview.difference")
        for warning in row.warnings
    }
    assert told == {("10", "duplicate_sku", "9"), ("9", "duplicate_sku", "9"), ("3", "unmapped_sku", None)}


def test_customers_are_one_by_email_within_the_organization(world: World) -> None:
    other = world.connect("second")
    world.promote("customer", customer(1, email="Ada@Example.test", first_name="Ada"))
    world.promote(
        "customer", customer(8, email=" ada@example.TEST", first_name="A", billing={"phone": "9"}), connection=other
    )
    row = world.one("SELECT * FROM core.customers")
    assert (row.name, row.email, row.phone, row.company) == ("Ada N1", "Ada@Example.test", "1", "ACME & Co")
    assert world.sql("SELECT 1 FROM promote.conflict") == []
    world.apply(
        world.capture("customer", customer(2, email="x@y.test")),
        world.capture("customer", customer(3, email="X@y.test")),
    )
    assert world.one("SELECT count(*) FROM core.customers")[0] == 2
    assert world.one("SELECT kind, decision FROM promote.conflict")[:2] == ("shared_email", "merged")


def test_skus_shifted_by_one_end_as_the_store_says(world: World) -> None:
    world.apply(*[world.capture("product", product(n, sku=f"S-{n}")) for n in range(1, 121)])
    report = world.apply(*[world.capture("product", product(n, sku=f"S-{n + 1}")) for n in range(1, 121)])
    assert (report.done, report.failed) == (120, 0)
    assert [sku for sku, _, _ in world.products()] == [f"S-{n + 1}" for n in range(1, 121)]
    assert [line.warnings for line in world.lines(report) if line.warnings] == []
    assert world.one("SELECT count(*) FROM promote.conflict")[0] == 0


@pytest.mark.parametrize("batch_size", [1, 50])
def test_two_stores_whose_products_trade_skus_stay_two_products(world: World, batch_size: int) -> None:
    world.sql(
        "UPDATE connect.integration_connector SET settings = jsonb_build_object('batch_size', %(n)s::int)", n=batch_size
    )
    second = world.connect("second", batch_size=batch_size)
    for first, other in (("X", "Y"), ("Y", "X")):
        records = [
            world.capture("product", product(number, sku=sku, name=f"{shop} {number}"), connection=shop)
            for shop in (world.shop, second)
            for number, sku in ((1, first), (2, other))
        ]
        assert world.apply(*records).state == "done"
    shop = world.shop
    assert {(sku, name) for sku, name, _ in world.products()} == {("Y", f"{shop} 1"), ("X", f"{shop} 2")}
    rows = world.sql("SELECT internal_id, array_agg(external_id) FROM promote.integration_mapping GROUP BY 1")
    assert sorted(sorted(row[1]) for row in rows) == [["1", "1"], ["2", "2"]]


def test_a_sku_comes_from_a_record_that_the_same_plan_deletes(world: World) -> None:
    world.organize(sku_policy="halt")
    world.promote("product", product(1, sku="X"))
    gone = world.capture("product", product(1, sku="X"), deleted=True)
    report = world.apply(world.capture("product", product(2, sku="X")), gone)
    assert (report.done, report.failed) == (2, 0)
    assert world.products() == [("X", "Product 2", True)]


def test_who_waited_for_a_sku_has_it_when_its_owner_is_deleted(world: World) -> None:
    for number in (1, 2):
        world.promote("product", product(number, sku="X"))
    assert world.products() == [("X", "Product 1", True), (None, "Product 2", True)]
    deleted = world.apply(world.capture("product", product(1, sku="X"), deleted=True))
    assert world.products() == [("X", "Product 2", True)]
    world.undo(deleted)
    assert world.products() == [("X", "Product 1", True), (None, "Product 2", True)]


@pytest.mark.parametrize("together", [False, True])
def test_who_would_have_a_deleted_records_sku_gives_it_up_in_the_same_plan(
    world: World, org: Organization, together: bool
) -> None:
    """The deletion takes the next one to the row of the SKU; its own change takes it off again."""
    other = world.connect("second")
    for number in (1, 3):
        world.promote("product", product(number, sku="A", name=f"Shop {number}", description="", price="1"))
    world.promote("product", product(8, sku="A", name="Other", description="", price="1"), connection=other)
    gone = world.capture("product", product(1, sku="A", name="Shop 1"), deleted=True)
    changed = world.capture("product", product(3, sku="", name="Shop 3", description="", price="1"))
    for records in [[gone, changed]] if together else [[gone], [changed]]:
        assert world.apply(*records).errors == []
    assert _core(world) == [("A", "Other", None, None, "1", 2), (None, "Shop 3", None, None, "1", 1)]
    assert promote.check_core(world.db, org).differences == []


def test_what_an_earlier_version_damaged_heals_when_it_is_promoted_again(world: World) -> None:
    world.apply(*[world.capture("product", product(n, sku=f"S-{n}")) for n in (1, 2)])
    first, second = (row[0] for row in world.sql("SELECT internal_id FROM promote.integration_mapping ORDER BY 1"))
    world.sql("UPDATE promote.integration_mapping SET internal_id = %(a)s WHERE internal_id = %(b)s", a=first, b=second)
    world.promote("product", product(1, sku="S-1", name="Again"))
    assert {(sku, name) for sku, name, _ in world.products()} == {("S-1", "Again"), ("S-2", "Product 2")}


def test_a_customer_that_gets_a_guests_email_has_the_guests_orders(world: World) -> None:
    world.promote("order", order(1, billing={"email": "ada@example.test", "first_name": "Ada"}))
    world.promote("customer", customer(7, email="old@example.test"))
    assert len(world.sql("SELECT 1 FROM core.customers WHERE deleted_at IS NULL")) == 2
    world.promote("customer", customer(7, email="Ada@example.test"))
    ((row,),) = world.sql("SELECT id FROM core.customers WHERE deleted_at IS NULL")
    assert world.one("SELECT customer_id FROM core.sales_orders")[0] == row
    assert world.one("SELECT lifetime_value FROM core.customers WHERE id = %(id)s", id=row)[0] == 100


@pytest.mark.parametrize("length", [300, 501, 700])
def test_long_skus_that_differ_in_case_only_are_one(world: World, length: int) -> None:
    other = world.connect("second")
    world.promote("product", product(1, sku="a" * length))
    world.promote("product", product(1, sku="A" * length), connection=other)
    world.promote("product", product(2, sku="a" * (length - 1) + "b"))
    assert world.one("SELECT count(*) AS n FROM core.products").n == 2
    world.capture("product", product(3, sku="aA" * (length // 2) + "a" * (length % 2)))
    world.preview("product")
    (warnings,) = world.one("SELECT warnings FROM preview.difference")
    assert [one.get("owner") for one in warnings if one["code"] == "duplicate_sku"] == ["1"]


GUESTS = "SELECT name FROM core.customers WHERE email_key = 'x@a.test' AND deleted_at IS NULL"


def _order_of(number: int, name: str, **fields: Any) -> dict[str, Any]:
    return order(number, billing={"email": "x@a.test", "first_name": name}, **fields)


def test_a_guest_made_of_an_order_whose_customer_comes_is_made_of_the_next_one(world: World, org: Organization) -> None:
    second = world.connect("second")
    world.sql(
        "INSERT INTO capture.sync_cursor (org_id, connection_id, entity_type, full_at) "
        "VALUES (connect.current_org(), %(shop)s, 'customer', now())", shop=world.shop,
    )  # fmt: skip
    first = world.capture("order", _order_of(3, "First", customer_id=1))
    world.apply(first, world.capture("order", _order_of(2, "Next"), connection=second))
    assert [row[0] for row in world.sql(GUESTS)] == ["First"]
    report = world.apply(world.capture("customer", customer(1, email="z@a.test")))
    assert [row[0] for row in world.sql(GUESTS)] == ["Next"]
    assert promote.check_core(world.db, org).differences == []
    world.undo(report)
    assert [row[0] for row in world.sql(GUESTS)] == ["First"]


def test_a_guest_is_made_of_the_lowest_order_also_when_that_one_gives_up_its_customer(
    world: World, org: Organization
) -> None:
    second = world.connect("second")
    world.capture("customer", customer(1, email="z@a.test"))
    world.apply(
        world.capture("order", _order_of(3, "First", customer_id=1)),
        world.capture("order", _order_of(2, "Next"), connection=second),
    )
    assert [row[0] for row in world.sql(GUESTS)] == ["Next"]
    world.capture("customer", customer(1, email="z@a.test"), deleted=True)
    world.promote("product", product(1))  # deletions at the stores are settled first
    assert [row[0] for row in world.sql(GUESTS)] == ["First"]
    assert promote.check_core(world.db, org).differences == []

"""What a plan says of core is what promoting it makes of core, also where several records share a row.

Two stores whose products have the same SKUs, and whose customers have the same e-mails: whatever is planned, what the
items announce is compared with the rows before and after the promotion; and whoever shares a row says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from html import unescape
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect, preview, promote, select, trace
from sync_pipeline.steps.approve.verdict import plan_facts
from sync_pipeline_tests.databases import cloned, opened_as_the_application
from sync_pipeline_tests.explored import browser
from sync_pipeline_tests.integration.promote_world import World, customer, order, product
from sync_pipeline_tests.served import served

_numbers = count()
_TABLES = ("products", "customers")
# Not what a record says: when and by whom; and of customers, what is counted.
_APART = {"id", "org_id", "created_at", "updated_at", "queue_id", "deleted_at", "sku_key", "email_key"}
_COUNTED = {
    "segment", "status", "lifetime_value", "lifetime_currency", "order_count", "acquisition_date",
    "last_interaction_date", "metadata.completed_orders", "metadata.other_currencies",
}  # fmt: skip
MAPPED = """
SELECT c.name, m.entity_type, m.external_id, split_part(m.core_table, '.', 2), m.internal_id, m.promoted_deleted
FROM promote.integration_mapping AS m JOIN connect.integration_connector AS c USING (connection_id)
"""


@st.composite
def records(draw: st.DrawFn) -> list[tuple[str, str, int, str, bool, bool]]:
    """Kind, store, id, SKU or e-mail, deleted, planned."""
    kinds = st.sampled_from(["product", "customer"])
    shops, ids = st.sampled_from(["shop", "second"]), st.integers(1, 3)
    one = st.tuples(kinds, shops, ids, st.sampled_from(["a", "b", ""]), st.booleans(), st.booleans())
    return draw(st.lists(one, min_size=1, max_size=7, unique_by=lambda it: it[:3]))


@pytest.fixture(scope="module")
def own(server: Any) -> Iterator[Database]:
    with cloned(server) as owner_url, opened_as_the_application(owner_url) as database:
        yield database


class Shops:
    def __init__(self, db: Database, *, policy: str) -> None:
        self.db, self.org = db, connect.add_organization(db, f"shares-{next(_numbers)}")
        self.world = World(db, self.org.org_id)
        self.numbers = {"shop": self.world.shop, "second": self.world.connect("second")}
        self.world.organize(sku_policy=policy)

    def capture(self, some: Any, word: str) -> list[tuple[int, str, str]]:
        keys = []
        for kind, shop, number, code, deleted, planned in some:
            name = f"{shop} {number} {word}"
            if kind == "product":
                status = "publish" if (number + len(word) + len(shop)) % 2 else "draft"
                payload = product(number, sku=code, name=name, regular_price=str(len(word) + number), status=status)
            else:
                email = f"{code}@x.test" if code else ""
                payload = customer(number, email=email, first_name=name, last_name=word, billing={})
            key = self.world.capture(kind, payload, connection=self.numbers[shop], deleted=deleted)
            keys += [key] if planned else []
        for store in connect.connections(self.db, self.org):
            for name in ("products", "customers"):
                preview.recompute(self.db, store, store.source.stream(name))
        return keys

    def priced_in(self, currency: str | None) -> None:
        if currency is not None:
            self.world.organize(currency=currency)

    def count(self, plan: str) -> None:
        """What the plan says of how much it is, by which its lines are found."""
        self.world.sql(
            "UPDATE selection.sync_plan AS p SET creates = k.creates, updates = k.updates, deletes = k.deletes FROM ("
            "SELECT count(*) FILTER (WHERE action = 'create') AS creates, count(*) FILTER (WHERE action = 'update') "
            "AS updates, count(*) FILTER (WHERE action = 'delete') AS deletes FROM selection.sync_plan_item "
            "WHERE plan_id = %(plan)s) AS k WHERE p.plan_id = %(plan)s",
            plan=plan,
        )

    def open(self, keys: Any) -> list[tuple[int, str, str]]:
        differ = {
            tuple(row)
            for row in self.world.sql("SELECT connection_id, entity_type, external_id FROM preview.difference")
        }
        return [key for key in keys if key in differ]

    def rows(self) -> dict[tuple[str, int], dict[str, Any]]:
        return {
            (table, number): {
                **{name: value for name, value in content.items() if name != "metadata"},
                **{f"metadata.{name}": value for name, value in content["metadata"].items()},
                "deleted": content["deleted_at"] is not None,
            }
            for table in _TABLES
            for number, content in self.world.sql(f"SELECT id, to_jsonb(r) FROM core.{table} AS r")
        }

    def mapped(self) -> dict[tuple[str, str, str], tuple[tuple[str, int], bool]]:
        return {(row[0], row[1], row[2]): ((row[3], row[4]), row[5]) for row in self.world.sql(MAPPED)}

    def lines(self, plan: str) -> list[select.PlanLine]:
        kinds = select.plan_kinds(self.db, self.org, UUID(plan))
        return list(select.browse_items(self.db, self.org, UUID(plan), kinds, effects=promote.effects, size=500).lines)

    def items(self, plan: str) -> list[select.PlanItem]:
        return list(select.plan_items(self.db, self.org, plan, effects=promote.effects, page_size=500)[0])


def apart(table: str) -> set[str]:
    return _APART | (_COUNTED if table == "customers" else set())


def differing(table: str, before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in {*before, *after} - apart(table) if before.get(name) != after.get(name)}


def by_key(sides: dict[str, Any]) -> dict[str, Any]:
    """What is told of a row, keys of `metadata` each by itself."""
    keys = {f"metadata.{name}": one for name, one in (sides.get("metadata") or {}).items()}
    return {**{name: one for name, one in sides.items() if name != "metadata"}, **keys}


@pytest.mark.parametrize("plans", [25, pytest.param(400, marks=pytest.mark.torture)])
def test_what_a_plan_announces_of_shared_rows_is_what_happens(own: Database, plans: int) -> None:
    once = given(
        first=records(),
        then=records(),
        policy=st.sampled_from(["source_wins", "core_wins"]),
        currencies=st.sampled_from([(None, None), (None, "USD"), ("USD", "USD"), ("USD", "EUR")]),
    )(_announced)
    how = examples(max_examples=plans, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    how(once)(own=own)


def _announced(own: Database, first: Any, then: Any, policy: str, currencies: tuple[str | None, str | None]) -> None:
    it = Shops(own, policy=policy)
    it.priced_in(currencies[0])
    if keys := it.open(it.capture([(*one[:4], False, one[5]) for one in first], "first")):
        it.world.apply(*keys)
    keys = it.open(it.capture(then, "then"))
    it.priced_in(currencies[1])
    if not keys:
        return
    with it.world.together():
        plan = it.world.plan(keys)
        it.count(plan)
    ids = it.world.sql("SELECT last_value FROM core.products_id_seq")
    lines = it.lines(plan)
    items = it.items(plan)
    assert sorted(map(repr, items)) == sorted(repr(line.item) for line in lines)
    assert it.world.sql("SELECT last_value FROM core.products_id_seq") == ids, "a plan that is read uses up no id"
    before, on = it.rows(), it.mapped()
    report = promote.apply(it.db, it.org.org_id, plan, actor="tester")
    assert report.errors == []
    after, now = it.rows(), it.mapped()
    of: dict[Any, set[Any]] = {}
    for key, (row, deleted) in now.items():
        if not deleted:
            of.setdefault(row, set()).add(key)
    for line in lines:
        item = line.item
        kind = item.entity.removesuffix("s")
        key = (item.connection, kind, item.external_id)
        if key not in now:
            assert item.action == "delete"
            continue
        row = now[key][0]
        others = of.get(row, set()) - {key}
        moved = row in before and (key not in on or on[key][0] != row)
        if item.sharing is None:
            assert others == set()
            assert not moved
            assert item.action != "delete" or after[row]["deleted"]
            if item.action == "update":
                sides = [
                    by_key({str(one["field"]): one.get(side) for one in item.core}) for side in ("before", "after")
                ]
                names = {name for name in {*sides[0], *sides[1]} if sides[0].get(name) != sides[1].get(name)}
                was = before.get(row, {})  # none where it leaves the row that it had
                some = {name for name in differing(row[0], was, after[row]) if was or not _is_empty(after[row][name])}
                assert names == (some if was else some - {"deleted"}), item
                assert {name: sides[1].get(name) for name in names} == {name: after[row].get(name) for name in names}
            if item.action == "create":
                told = {name: _plain(one) for name, one in by_key(dict(line.fields or {})).items()}
                made = {name: one for name, one in after[row].items() if name not in apart(row[0]) | {"deleted"}}
                filled = {name: _plain(one) for name, one in made.items() if not _is_empty(one)}
                assert told == filled, line
            continue
        assert item.sharing.tried
        assert {
            (one["connection"], one["entity"].removesuffix("s"), one["external_id"]) for one in item.sharing.others
        } == others
        assert item.sharing.row == (f"{row[0]}[id={row[1]}]" if row in before else None)
        prefix = f"{item.sharing.row}." if item.sharing.row else ""
        announced = {str(one["field"]).removeprefix(prefix): one for one in item.core}
        if row in before:
            assert set(announced) - apart(row[0]) == differing(row[0], before[row], after[row]), item
        for name in set(announced) & set(after[row]):
            assert announced[name]["after"] == after[row][name], (item, name)


@pytest.mark.parametrize("records_", [25, pytest.param(400, marks=pytest.mark.torture)])
def test_a_records_page_shows_the_row_that_promoting_it_alone_makes(own: Database, records_: int) -> None:
    once = given(first=records(), then=records(), policy=st.sampled_from(["source_wins", "core_wins"]))(_foreseen)
    how = examples(
        max_examples=records_, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    how(once)(own=own)


def _foreseen(own: Database, first: Any, then: Any, policy: str) -> None:
    it = Shops(own, policy=policy)
    if keys := it.open(it.capture([(*one[:4], False, one[5]) for one in first], "first")):
        it.world.apply(*keys)
    keys = it.open(it.capture(then, "then"))[:1]
    if not keys:
        return
    [(number, kind, external_id)] = keys
    store = next(one for one in connect.connections(it.db, it.org) if one.connection_id == number)
    shown = trace.in_core(it.db, store, store.source.stream(f"{kind}s"), external_id)
    assert it.world.apply(*keys).errors == []
    key = (store.name, kind, external_id)
    if (found := it.mapped().get(key)) is None:
        return  # a deletion of what was never promoted
    row = it.rows()[found[0]]
    if row["deleted"]:
        return
    told = {one.name: one.after for one in shown.fields if one.name not in apart(found[0][0])}
    assert told
    assert {name: _plain(one) for name, one in told.items()} == {name: _plain(row[name]) for name in told}, shown


def _is_empty(value: Any) -> bool:
    return value in (None, "", [], {})


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return None if value in ("", [], {}) else value if isinstance(value, (bool, dict, list)) else str(value)


def test_while_others_write_core_nobody_says_what_becomes_of_it(own: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    it = Shops(own, policy="source_wins")
    it.world.apply(*it.capture([("product", "shop", 1, "a", False, True)], "first"))
    keys = it.capture([("product", "second", 1, "a", False, True), ("product", "second", 2, "b", False, True)], "then")
    with it.world.together():
        plan = it.world.plan(keys)
    monkeypatch.setattr("sync_pipeline.steps.promote.shared_rows.PATIENCE", "50ms")
    with own.org(it.org.org_id) as conn:
        preview.hold_core(conn, writing=True)
        shared, alone = it.items(plan)
    assert (shared.sharing is not None, shared.sharing and shared.sharing.tried, shared.core) == (True, False, [])
    assert alone.sharing is None
    shared, _ = it.items(plan)
    assert shared.sharing is not None
    assert [one["connection"] for one in shared.sharing.others] == ["shop"]
    assert shared.core == []  # what the first store says comes first


def test_a_deletion_leaves_the_row_to_the_others(own: Database) -> None:
    it = Shops(own, policy="source_wins")
    two = [("product", shop, 1, "a", False, True) for shop in ("shop", "second")]
    it.world.apply(*it.capture(two, "first"))
    keys = it.capture([("product", "shop", 1, "a", True, True)], "first")
    with it.world.together():
        plan = it.world.plan(keys)
    [item] = it.items(plan)
    assert item.action == "delete"
    assert item.sharing is not None
    assert [one["connection"] for one in item.sharing.others] == ["second"]
    fields = {str(one["field"]).partition(".")[2]: (one["before"], one["after"]) for one in item.core}
    assert fields["name"] == ("shop 1 first", "second 1 first")
    assert "deleted" not in fields


def test_a_policy_takes_a_deletion_from_a_shared_row_for_the_change_that_it_is(own: Database) -> None:
    it = Shops(own, policy="source_wins")
    three = [("product", "shop", 1, "a", False, True), ("product", "second", 1, "a", False, True)]
    it.world.apply(*it.capture([*three, ("product", "shop", 2, "b", False, True)], "first"))
    for number, found in ((2, 0), (1, 1)):
        keys = it.capture([("product", "shop", number, "ab"[number - 1], True, True)], "first")
        with it.world.together():
            plan = it.world.plan(keys)
        with own.org(it.org.org_id) as conn:
            [facts] = plan_facts(conn, UUID(plan))
        assert (facts.deletes, facts.money, facts.conflicts) == (1, found, found)


def test_an_order_whose_lines_lost_their_product_keeps_it_and_the_plan_says_so(own: Database) -> None:
    """A store empties product and SKU of old lines when it deletes the product."""
    it = Shops(own, policy="source_wins")
    line = {"id": 7, "name": "Lamp", "product_id": 1, "sku": "a", "quantity": 1, "subtotal": "5", "total": "5"}
    world = it.world
    sold = order(1, total="5", line_items=[line], status="processing")
    world.apply(world.capture("product", product(1, sku="a")), world.capture("order", sold))
    emptied = {**line, "product_id": 0, "sku": None}
    key = world.capture("order", {**sold, "line_items": [emptied], "status": "completed"})
    with world.together():
        plan = world.plan([key])
    [item] = it.items(plan)
    assert "line_items" in {one["field"] for one in item.changes}
    assert {one["field"] for one in item.core} == {"status", "source_status"}
    promote.apply(it.db, it.org.org_id, plan, actor="tester")
    [line_now] = world.sql("SELECT sku, product_id IS NOT NULL FROM core.sales_order_items")
    assert tuple(line_now) == ("a", True)


def test_the_page_says_whose_row_it_is_and_what_becomes_of_it(own: Database, settings: Settings) -> None:
    it = Shops(own, policy="source_wins")
    it.world.sql("INSERT INTO core.products (org_id, sku, name) VALUES (connect.current_org(), 'b', 'By hand')")
    two = [("product", shop, 1, "a", False, True) for shop in ("shop", "second")]
    it.world.apply(*it.capture(two, "first"))
    here = [("product", "shop", 1, "a", True, True), ("product", "second", 2, "b", False, True)]
    keys = it.capture(here, "first")
    with it.world.together():
        plan = it.world.plan(keys)
    it.world.sql("UPDATE selection.sync_plan SET creates = 1, deletes = 1 WHERE plan_id = %(plan)s", plan=plan)
    with served(own, settings) as api:
        page = browser(api).as_(it.org, "operator").get(f"/ui/{it.org.slug}/plans/{plan}")
    assert page.status_code == 200
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", unescape(page.text)))
    assert "The store no longer has it, and its core row stays: it is also that of second products 1 ." in text
    assert re.search(r"products\[id=\d+\]\.name shop 1 first second 1 first", text)
    assert re.search(r"It gets the core row products\[id=\d+\], which is there and of no other record\.", text)
    assert re.search(r"products\[id=\d+\]\.name By hand second 2 first", text)
    assert "is marked deleted" not in text


def test_a_sku_that_another_record_keeps_is_not_announced(own: Database) -> None:
    it = Shops(own, policy="source_wins")
    first = [("product", "shop", 1, "a", False, True), ("product", "shop", 3, "c", False, True)]
    it.world.apply(*it.capture(first, "first"))
    keys = it.capture([("product", "shop", 2, "a", False, True), ("product", "shop", 3, "a", False, True)], "first")
    with it.world.together():
        plan = it.world.plan(keys)
    kinds = select.plan_kinds(it.db, it.org, UUID(plan))
    lines = select.browse_items(it.db, it.org, UUID(plan), kinds, effects=promote.effects).lines
    told = {line.item.external_id: line for line in lines}
    assert {line.item.sharing for line in lines} == {None}
    assert "sku" not in (told["2"].fields or {})
    assert (told["2"].fields or {})["name"] == "shop 2 first"
    [gone] = [one for one in told["3"].item.core if str(one["field"]).endswith("].sku")]
    assert (gone["before"], gone["after"]) == ("c", None)
    it.world.apply(*keys)
    assert {row[0] for row in it.world.sql("SELECT sku FROM core.products")} == {"a", None}


def test_a_policy_sees_whose_row_a_record_joins_although_nobody_was_warned(own: Database) -> None:
    it = Shops(own, policy="source_wins")
    it.world.apply(*it.capture([("product", "shop", 1, "c", False, True)], "first"))
    keys = it.capture([("product", "shop", 1, "a", False, True)], "then")  # compared before the other one is there
    it.world.apply(*it.capture([("product", "second", 1, "a", False, True)], "other"))
    with it.world.together():
        plan = it.world.plan(keys)
    with own.org(it.org.org_id) as conn:
        [facts] = plan_facts(conn, UUID(plan))
    assert (facts.money, facts.conflicts) == (1, 1)
    [item] = it.items(plan)
    assert item.sharing is not None
    assert [one["connection"] for one in item.sharing.others] == ["second"]


def test_hundreds_of_records_of_one_row_are_not_tried(own: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    it = Shops(own, policy="source_wins")
    many = [("customer", "shop", number, "a", False, True) for number in range(1, 31)]
    keys = it.capture(many, "first")
    with it.world.together():
        plan = it.world.plan(keys)
    named = it.items(plan)
    assert {(len(one.sharing.others), one.sharing.more) for one in named if one.sharing} == {(10, 19)}
    monkeypatch.setattr("sync_pipeline.steps.promote.shared_rows.TRIED", 20)
    assert {one.sharing.tried for one in it.items(plan) if one.sharing} == {False}


def test_a_row_that_somebody_else_takes_over_is_not_said_to_be_deleted(own: Database) -> None:
    """What leads to the row is the e-mail of the version that is in core, which the captured one has no more."""
    it = Shops(own, policy="source_wins")
    it.world.apply(*it.capture([("customer", "shop", 2, "b", False, True)], "first"))
    two = [("customer", "shop", 2, "", True, True), ("customer", "second", 1, "b", False, True)]
    keys = it.capture(two, "then")
    with it.world.together():
        plan = it.world.plan(keys)
    told = {item.action: item for item in it.items(plan)}
    gone = told["delete"].sharing
    assert gone is not None
    assert [one["connection"] for one in gone.others] == ["second"]
    assert "deleted" not in {str(one["field"]).partition("].")[2] for one in told["delete"].core}

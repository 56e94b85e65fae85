"""What a plan says of the sums of orders is what promoting it makes of them, whoever is in the plan.

An Odoo order has the sums of its lines, a WooCommerce order what was refunded of it: whatever is planned of orders,
lines and refunds, the orders' rows are compared column by column before and after, with what all lines of the plan say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, assume, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from sync_pipeline.db.engine import Database
from sync_pipeline.exact_json import to_json
from sync_pipeline.steps import connect, preview, promote, select
from sync_pipeline_tests.databases import cloned, opened_as_the_application
from sync_pipeline_tests.integration import promote_world
from sync_pipeline_tests.integration.test_promote_odoo_one_core import Erp, order, order_line

_numbers = count()
_APART = {"id", "org_id", "created_at", "updated_at", "queue_id", "customer_id"}
_OTHER = re.compile(r"sales_orders\[id=(\d+)\]\.(.+)")
ORDERS = "SELECT id, to_jsonb(o) FROM core.sales_orders AS o"
ROW_OF = """
SELECT m.internal_id FROM promote.integration_mapping AS m JOIN connect.integration_connector AS c USING (connection_id)
WHERE c.name = %(connection)s AND m.external_id = %(id)s AND m.entity_type = 'order'
"""

LOST_REFUNDS = """
SELECT r.external_id FROM capture.sync_record AS r
WHERE r.entity_type = 'refund' AND r.deletion_state = 'deleted' AND NOT EXISTS (
    SELECT 1 FROM promote.integration_mapping AS m
    WHERE m.connection_id = r.connection_id AND m.entity_type = 'refund' AND m.external_id = r.external_id)
"""


@st.composite
def records(draw: st.DrawFn) -> list[tuple[str, int, int, int, bool, bool]]:
    """Kind, id, its order, an amount, deleted, planned."""
    kinds = st.sampled_from(["order", "order_line", "sold", "refund"])
    one = st.tuples(
        kinds, st.integers(1, 3), st.integers(1, 2), st.integers(0, 3), st.sampled_from([False, False, True]),
        st.sampled_from([True, True, False]),
    )  # fmt: skip
    return draw(st.lists(one, min_size=1, max_size=9, unique_by=lambda it: it[:2]))


@pytest.fixture(scope="module")
def own(server: Any) -> Iterator[Database]:
    with cloned(server) as owner_url, opened_as_the_application(owner_url) as database:
        yield database


class Sales:
    def __init__(self, db: Database) -> None:
        self.db, self.org = db, connect.add_organization(db, f"sums-{next(_numbers)}")
        self.world = Erp(db, self.org.org_id)

    def capture(self, some: Any) -> list[tuple[int, str, str]]:
        keys = []
        for kind, number, of, amount, deleted, planned in some:
            if kind == "order":
                payload = order(number, amount_total=30.0 + amount, amount_tax=float(amount % 2))
                key = self.world.capture("order", payload, deleted=deleted)
            elif kind == "order_line":
                payload = order_line(number, of, price_subtotal=10.0 * amount, is_delivery=number == 3)
                key = self.world.capture("order_line", payload, deleted=deleted)
            elif kind == "sold":
                listed = [{"id": 70 + number, "reason": "", "total": f"-{amount}.00"}] if amount else []
                payload = promote_world.order(number, total=f"{40 + amount}.00", refunds=listed)
                key = self.world.capture("order", payload, connection=self.world.shop, deleted=deleted)
            else:
                payload = {
                    "id": 70 + number, "parent_id": (number - 1) % 2 + 1, "amount": f"{amount}.00", "reason": "",
                    "date_created_gmt": "2026-03-01T00:00:00", "line_items": [],
                }  # fmt: skip
                key = self.world.capture("refund", payload, connection=self.world.shop, deleted=deleted)
            keys += [key] if planned else []
        for store in connect.connections(self.db, self.org):
            for stream in store.source.streams.values():
                if stream.entity_type in ("order", "order_line", "refund"):
                    preview.recompute(self.db, store, stream)
        differ = {
            tuple(row)
            for row in self.world.sql("SELECT connection_id, entity_type, external_id FROM preview.difference")
        }
        return [key for key in keys if key in differ]

    def planned(self, *keys: tuple[int, str, str]) -> str:
        with self.world.together():
            plan = self.world.plan(keys)
            for action in ("create", "update", "delete"):
                self.world.sql(
                    f"UPDATE selection.sync_plan SET {action}s = (SELECT count(*) FROM selection.sync_plan_item "
                    "WHERE plan_id = %(plan)s AND action = %(action)s) WHERE plan_id = %(plan)s",
                    plan=plan,
                    action=action,
                )
        return plan

    def lines(self, plan: str, size: int = 100) -> list[select.PlanLine]:
        found: list[select.PlanLine] = []
        kinds = select.plan_kinds(self.db, self.org, UUID(plan))
        while True:
            page = select.browse_items(
                self.db, self.org, UUID(plan), kinds, effects=promote.effects, after=len(found), size=size
            )
            found += page.lines
            if len(found) >= page.total:
                return found

    def rows(self) -> dict[int, dict[str, Any]]:
        return {number: by_key(row) for number, row in self.world.sql(ORDERS)}

    def apply(self, plan: str) -> None:
        assert promote.apply(self.db, self.org.org_id, plan, actor="tester").errors == []


def by_key(row: dict[str, Any]) -> dict[str, Any]:
    keys = {f"metadata.{name}": one for name, one in (row.get("metadata") or {}).items()}
    values = {name: one for name, one in row.items() if name not in {"metadata", "deleted_at", *_APART}}
    if "deleted_at" in row:
        values["deleted"] = row["deleted_at"] is not None
    return {name: plain(one) for name, one in {**values, **keys}.items() if one not in (None, "", [], {})}


def plain(value: Any) -> Any:
    """A value that is compared whatever its kind: an amount is the same with and without zeros behind it."""
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return f"{Decimal(str(value)).normalize() + 0:f}"
    if isinstance(value, datetime):
        return value.isoformat()
    return {name: plain(one) for name, one in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("plans", [25, pytest.param(400, marks=pytest.mark.torture)])
def test_what_a_plan_says_of_orders_is_what_becomes_of_them(own: Database, plans: int) -> None:
    once = given(first=records(), then=records(), size=st.sampled_from([1, 2, 100]))(_said)
    how = examples(max_examples=plans, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    how(once)(own=own)


def _waits_and_moves(first: Any, then: Any) -> bool:
    """Does a line wait for its order, and name another one before that comes? Links that are filled later are no part
    of what a plan says (decision 64)."""
    there = {one[1] for one in first if one[0] == "order" and one[5]}
    waits = {one[1]: one[2] for one in first if one[0] == "order_line" and one[5] and one[2] not in there}
    return any(one[0] == "order_line" and waits.get(one[1], one[2]) != one[2] for one in then)


def _said(own: Database, first: Any, then: Any, size: int) -> None:
    assume(not _waits_and_moves(first, then))
    it = Sales(own)
    if keys := it.capture([(*one[:4], False, one[5]) for one in first]):
        it.apply(it.planned(*keys))
    keys = it.capture(then)
    if not keys:
        return
    plan = it.planned(*keys)
    lines = it.lines(plan, size)
    before = it.rows()
    it.apply(plan)
    after = it.rows()
    told: dict[int, dict[str, Any]] = {}
    gone: set[int] = set()
    for line in lines:
        item = line.item
        mine = it.world.sql(ROW_OF, connection=item.connection, id=item.external_id) if item.entity == "orders" else []
        if mine and item.action == "create":
            assert mine[0][0] not in told
            told[mine[0][0]] = by_key(dict(line.fields or {})) | {"deleted": False}
        if mine and item.action == "delete":
            gone.add(mine[0][0])
        for one in item.core:
            name, other = str(one["field"]), _OTHER.fullmatch(str(one["field"]))
            if name == "sales_order_items" or (other is None and not mine):  # rows of lines are not columns
                continue
            row, name = (int(other[1]), other[2]) if other else (mine[0][0], name)
            pairs = [(name, one.get("before"), one.get("after"))]
            if name == "metadata":
                sides = [one.get(side) or {} for side in ("before", "after")]
                both = {*sides[0], *sides[1]}
                pairs = [(f"metadata.{key}", sides[0].get(key), sides[1].get(key)) for key in both]
            for key, was, is_ in pairs:
                if plain(was) != plain(is_) and key in by_key({key: 1}):
                    assert key not in told.setdefault(row, {}), (key, "is said twice")
                    assert plain(was) == before.get(row, {}).get(key), (key, one)
                    told[row][key] = plain(is_)
    # The figures of customers, once a queue, leave out refunds that the store deleted before anybody promoted them.
    lost = {one[0] for one in it.world.sql(LOST_REFUNDS)}
    planned = {
        one[0]
        for line in lines
        for one in it.world.sql(ROW_OF, connection=line.item.connection, id=line.item.external_id)
    }
    for row, is_now in after.items():
        was = before.get(row, {})
        if row not in planned and row not in told:
            # With a customer's figures, once a queue, what was refunded of the other orders is summed up again.
            was["refunded_total"] = is_now.get("refunded_total")
        changed = {name: is_now.get(name) for name in {*was, *is_now} if was.get(name) != is_now.get(name)}
        said = {name: one for name, one in told.get(row, {}).items() if row in before or one is not None}
        if lost & set(is_now.get("metadata.refunds") or {}):
            said.pop("refunded_total", None), changed.pop("refunded_total", None)
        if row in gone:
            changed = {name: one for name, one in changed.items() if name not in ("deleted", "active")}
        assert said == changed, (row, lines)


def test_a_plan_of_one_line_says_what_it_makes_of_its_order(own: Database) -> None:
    it = Sales(own)
    it.apply(it.planned(*it.capture([("order", 1, 1, 1, False, True), ("order_line", 2, 1, 3, False, True)])))
    plan = it.planned(*it.capture([("order_line", 2, 1, 1, False, True)]))
    [line] = it.lines(plan)
    [number] = it.rows()
    told = {str(one["field"]): (plain(one["before"]), plain(one.get("after"))) for one in line.item.core}
    assert told[f"sales_orders[id={number}].subtotal"] == ("30", "10")
    assert told[f"sales_orders[id={number}].metadata.items_difference"][1] == "20"
    assert "sales_order_items" in told
    assert to_json(line.item.core)  # the API writes it


def test_sums_that_cannot_be_tried_are_said_to_be_unknown(own: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    it = Sales(own)
    lines = [("order_line", number, 1, 1, False, True) for number in range(1, 4)]
    it.apply(it.planned(*it.capture([("order", 1, 1, 1, False, True)])))
    plan = it.planned(*it.capture(lines))
    assert [len(line.item.core) > 0 for line in it.lines(plan)] == [True, False, False]  # once, on the first
    monkeypatch.setattr("sync_pipeline.steps.promote.order_sums.TRIED", 2)
    assert {line.item.sharing.tried for line in it.lines(plan) if line.item.sharing} == {False}
    assert all(line.item.sharing for line in it.lines(plan))
    monkeypatch.undo()
    monkeypatch.setattr("sync_pipeline.steps.promote.order_sums.PATIENCE", "50ms")
    with own.org(it.org.org_id) as conn:
        preview.hold_core(conn, writing=True)
        assert {line.item.sharing and line.item.sharing.tried for line in it.lines(plan)} == {False}


def test_orders_are_tried_in_portions(own: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    it = Sales(own)
    it.apply(it.planned(*it.capture([("order", number, 1, 1, False, True) for number in (1, 2)])))
    plan = it.planned(*it.capture([("order_line", number, number % 2 + 1, 1, False, True) for number in (1, 2, 3)]))
    monkeypatch.setattr("sync_pipeline.steps.promote.order_sums.TRIED", 2)
    rows = {str(one["field"]).partition(".")[0] for line in it.lines(plan) for one in line.item.core}
    assert rows == {f"sales_orders[id={number}]" for number in it.rows()}

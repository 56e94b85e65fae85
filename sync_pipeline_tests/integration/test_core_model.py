"""Core is a function of the promoted versions: random stores, promoted, deleted and undone, against a model.

The model (`core_model.py`) knows only which version of which record is promoted. After each step that may change core,
core, the counts of queues and the stored preview are what it says.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from sync_pipeline.db.engine import Database
from sync_pipeline.errors import Conflict, StalePlan
from sync_pipeline.steps import connect, preview, promote
from sync_pipeline.steps.promote import ApplyReport
from sync_pipeline.steps.promote.place.identity import promotion_settings
from sync_pipeline.steps.promote.write.deletion_changes import settle_deletion_changes
from sync_pipeline_tests.compared import fresh_warnings, stored_warnings
from sync_pipeline_tests.integration.core_model import BY_HAND, HAND_SKU, Before, Key, Model, Payload
from sync_pipeline_tests.integration.interleaved import interleaved
from sync_pipeline_tests.integration.promote_world import World, customer, order, product

IDS = st.integers(1, 4)
SKUS = st.sampled_from(["", "A", "a ", "B", "C", "c"])
EMAILS = st.sampled_from(["", "x@a.test", "X@a.test", "y@a.test", "z@a.test"])
SHOPS = st.sampled_from(["shop", "second"])
KINDS = st.sampled_from(["product", "product", "customer", "customer", "order", "order", "refund"])
NAMES = st.sampled_from("abc")
MANY = st.integers(
    0, 255
)  # which of several: its bits, or what is left of a division. Draws must not depend on what happened
POLICIES = st.sampled_from(["source_wins", "core_wins", "halt"])
_numbers = count()

# All that is compared, in one answer.
CORE = """
SELECT jsonb_build_object(
    'mappings', (SELECT jsonb_agg(jsonb_build_array(connection_id, entity_type, external_id, internal_id, core_table,
                                                    promoted_deleted)) FROM promote.integration_mapping),
    'products', (SELECT jsonb_agg(jsonb_build_array(id, sku, name)) FROM core.products WHERE deleted_at IS NULL),
    'customers', (SELECT jsonb_agg(jsonb_build_array(id, email, name, email_key)) FROM core.customers
                  WHERE deleted_at IS NULL),
    'orders', (SELECT jsonb_agg(jsonb_build_array(id, customer_id, refunded_total)) FROM core.sales_orders),
    'lines', (SELECT jsonb_agg(jsonb_build_array(order_id, product_id)) FROM core.sales_order_items
              WHERE deleted_at IS NULL AND item_type = 'line'),
    'orphans', (SELECT jsonb_agg(o) FROM core.orphans() AS o),
    'differences', (SELECT jsonb_agg(jsonb_build_array(connection_id, entity_type, external_id, status))
                    FROM preview.difference),
    'queues', (SELECT jsonb_agg(q) FROM promote.sync_queue AS q CROSS JOIN LATERAL (
        SELECT count(*) AS total, count(*) FILTER (WHERE l.state = 'draft') AS waiting,
               count(*) FILTER (WHERE l.state = 'processing') AS processing,
               count(*) FILTER (WHERE l.state = 'done') AS done,
               count(*) FILTER (WHERE l.state = 'failed') AS failed,
               count(*) FILTER (WHERE l.state = 'cancelled') AS cancelled
        FROM promote.sync_queue_line AS l WHERE l.org_id = q.org_id AND l.queue_id = q.queue_id) AS l
        WHERE (q.total, q.waiting, q.processing, q.done, q.failed, q.cancelled)
            IS DISTINCT FROM (l.total, l.waiting, l.processing, l.done, l.failed, l.cancelled)
            OR q.waiting + q.processing > 0))
"""


class Stores(RuleBasedStateMachine):
    """Two shops whose records change, and people who promote, delete and undo in any order."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.org = connect.add_organization(self.database, f"model-{next(_numbers)}")
        self.world = World(self.database, self.org.org_id)
        self.shops = {"shop": self.world.shop, "second": self.world.connect("second")}
        self.model = Model()
        self.plans: list[tuple[ApplyReport, Before, bool]] = []  # the last: it can be undone if it is the newest
        self.stores = {one.connection_id: one for one in connect.connections(self.database, self.org)}
        self.changed: set[tuple[int, str]] = set()  # what was captured since its preview was compared
        self.hand = 0

    @initialize(policy=POLICIES, whole=st.booleans())
    def begin(self, policy: str, whole: bool) -> None:
        with self.world.together():
            self.hand = self.world.one(
                "INSERT INTO core.products (org_id, sku, name) VALUES (connect.current_org(), %(sku)s, %(name)s) "
                "RETURNING id", sku=HAND_SKU, name=BY_HAND,
            )[0]  # fmt: skip
            if whole:
                self.model.whole = frozenset([self.world.shop])
                self.world.sql(
                    "INSERT INTO capture.sync_cursor (org_id, connection_id, entity_type, full_at) VALUES "
                    "(connect.current_org(), %(shop)s, 'customer', now())", shop=self.world.shop,
                )  # fmt: skip
            self.set_policy(policy)
            self.capture("category", {"id": 5, "name": "Five", "parent": 0}, "shop")
            for number in (1, 2, 3):
                self.capture("product", product(number, sku="A", name=f"shop {number}"), "shop")

    def set_policy(self, policy: str) -> None:
        self.world.organize(sku_policy=policy)
        self.model.policies.add(policy)

    def capture(self, entity_type: str, payload: dict[str, Any], shop: str, *, deleted: bool = False) -> None:
        key = self.world.capture(entity_type, payload, connection=self.shops[shop], deleted=deleted)
        self.model.capture(key, payload, deleted=deleted)
        self.changed.add(key[:2])

    @rule(data=st.data(), times=st.integers(1, 4))
    def change(self, data: st.DataObject, times: int) -> None:
        """Records change at the stores, or are deleted there."""
        with self.world.together():
            for _ in range(times):
                kind, shop, number = data.draw(KINDS), data.draw(SHOPS), data.draw(IDS)
                payload = getattr(self, f"some_{kind}")(data, shop, number)
                self.capture(kind, payload, shop)

    @rule(number=MANY)
    def delete(self, number: int) -> None:
        here = sorted(key for key in self.model.captured if key not in self.model.gone)
        if here:
            connection, entity_type, _ = key = here[number % len(here)]
            with self.world.together():
                self.capture(entity_type, dict(self.model.captured[key]), self.name(connection), deleted=True)

    def name(self, connection: int) -> str:
        return next(name for name, number in self.shops.items() if number == connection)

    def some_product(self, data: st.DataObject, shop: str, number: int) -> dict[str, Any]:
        more = {"categories": [{"id": 5}]} if data.draw(st.booleans()) else {}
        return product(number, sku=data.draw(SKUS), name=f"{shop} {number} {data.draw(NAMES)}", **more)

    def some_customer(self, data: st.DataObject, shop: str, number: int) -> dict[str, Any]:
        names = {"first_name": f"{shop} {number}", "last_name": data.draw(NAMES)}
        return customer(number, email=data.draw(EMAILS), billing={}, **names)

    def some_order(self, data: st.DataObject, shop: str, number: int) -> dict[str, Any]:
        total = data.draw(st.sampled_from("37"))
        line = {
            "id": number,
            "name": "x",
            "product_id": data.draw(IDS),
            "quantity": 1,
            "subtotal": total,
            "total": total,
        }
        billing = {"email": data.draw(EMAILS), "first_name": f"guest {shop} {number}"}
        listed = [{"id": number + 10, "total": "-1"}] if data.draw(st.booleans()) else []
        buyer = data.draw(st.integers(0, 4))
        return order(number, customer_id=buyer, total=total, line_items=[line], billing=billing, refunds=listed)

    def some_refund(self, data: st.DataObject, shop: str, number: int) -> dict[str, Any]:
        return {"id": number + 10, "parent_id": number, "amount": data.draw(st.sampled_from("12"))}

    def some(self, number: int) -> list[Key]:
        """Some of what differs from core, or all of it."""
        open_ = self.model.open()
        return [key for place, key in enumerate(open_) if number >> place % 8 & 1] or open_

    @rule(number=MANY)
    def promote(self, number: int) -> None:
        if some := self.some(number):
            with self.world.together():
                plan = self.world.plan(some)
            planned = self.model.versions_of(some)
            self.applied([(planned, promote.apply(self.database, self.org.org_id, plan, actor="tester"))])

    @rule(number=MANY)
    def promote_what_changes_meanwhile(self, number: int) -> None:
        """A pull in between: the plan is stale, and nothing of it happens."""
        some = [key for key in self.some(number) if key[1] == "product"]
        if not some:
            return
        with self.world.together():
            plan = self.world.plan(some)
            connection, _, one = some[number % len(some)]
            self.capture(
                "product", product(int(one), sku="A", name=f"meanwhile {next(_numbers)}"), self.name(connection)
            )
        with pytest.raises(StalePlan):
            promote.apply(self.database, self.org.org_id, plan, actor="tester")
        self.is_right()

    @rule(one=MANY, other=MANY, order=st.integers(0, 2**12 - 1))
    def promote_two_plans_at_once(self, one: int, other: int, order: int) -> None:
        """Two people apply plans that may have the same records, while a store is pulled."""
        parts = [some for some in (self.some(one), self.some(other)) if some]
        if not parts:
            return
        with self.world.together():
            plans = [self.world.plan(some) for some in parts]
        planned = [self.model.versions_of(some) for some in parts]
        *reports, _ = interleaved(order, [*(partial(self.apply_or_stale, plan) for plan in plans), self.meanwhile])
        self.applied([(some, report) for some, report in zip(planned, reports, strict=True) if report is not None])

    def meanwhile(self) -> None:
        with self.world.together():
            self.capture("product", product(100 + next(_numbers), sku="", name="meanwhile"), "second")

    def apply_or_stale(self, plan: str) -> ApplyReport | None:
        try:
            return promote.apply(self.database, self.org.org_id, plan, actor="tester")
        except StalePlan:
            return None

    def applied(self, reports: Sequence[tuple[Mapping[Key, Payload | None], ApplyReport]]) -> None:
        """What was promoted; a record that was stopped stays as it was, and only a rule may stop it."""
        self.model.settle()
        done: dict[Key, Payload | None] = {}
        for planned, report in reports:
            stopped = {(self.shops[one["connection"]], one["entity"], one["external_id"]): one for one in report.errors}
            mine = {key: payload for key, payload in planned.items() if key not in stopped}
            for key, error in stopped.items():
                if "in conflict and the policy is to halt" in error["reason"]:
                    assert "halt" in self.model.policies
                else:
                    assert "Since the plan was made" in error["reason"], error
                    assert any(key in others for others, other in reports if other is not report)
            assert report.done == len(mine)
            assert not done.keys() & mine.keys(), "one of two plans promotes a record"
            done |= mine
            self.plans.append((report, self.model.before(mine), len(reports) == 1))
        self.model.promote(done)
        self.is_right()

    @rule(number=MANY)
    def undo(self, number: int) -> None:
        """The newest promotion, or another one."""
        if not self.plans:
            return
        newest = len(self.plans) - 1
        place = newest if number % 2 else number // 2 % len(self.plans)
        report, before, alone = self.plans[place]
        try:
            self.world.undo(report)
        except Conflict:
            assert place < newest or not alone, "the newest promotion can be undone"
        else:
            del self.plans[place]
            self.model.undo(before)
            self.warnings_are_right(report)
        self.is_right()

    def warnings_are_right(self, report: ApplyReport) -> None:
        """Of what an undo shows again, the warnings are those of a comparison of now."""
        items = self.world.sql(
            "SELECT connection_id, entity_type, external_id FROM selection.sync_plan_item WHERE plan_id = %(plan)s",
            plan=report.plan,
        )
        stored = stored_warnings(self.database, self.org.org_id)
        shown = [tuple(one) for one in items if tuple(one) in stored]
        fresh = fresh_warnings(self.database, self.stores, shown)
        assert {key: stored[key] for key in shown} == {key: fresh[key] for key in shown}

    @rule(policy=POLICIES)
    def decide_otherwise(self, policy: str) -> None:
        """Another SKU policy from now on."""
        self.set_policy(policy)

    @rule(answer=st.sampled_from(["separate", "core_wins", "source_wins"]))
    def answer(self, answer: str) -> None:
        """A person answers what waits for one; that the answer fits the question is the gate's to say."""
        answered = self.world.sql(
            "UPDATE observe.decision SET answer = %(answer)s, answered_by = 'me', answered_at = now() "
            "WHERE answered_at IS NULL AND options @> jsonb_build_array(jsonb_build_object('name', %(answer)s::text)) "
            "RETURNING 1", answer=answer,
        )  # fmt: skip
        if answered:
            self.model.policies.add(answer)

    @rule()
    def compare(self) -> None:
        """The preview is compared with core."""
        for number, kind in sorted(self.changed):
            store = self.stores[number]
            preview.recompute(self.database, store, store.source.stream(kind))
        self.changed.clear()
        self.is_right()

    def is_right(self) -> None:
        (found,) = self.world.one(CORE)
        rows = {name: value or [] for name, value in found.items()}
        assert rows["orphans"] == []
        assert rows["queues"] == [], "the counts of a queue are those of its lines, and no line is lost"
        expected = {(*key, status) for key in self.model.captured if (status := self.model.status(key))}
        stored = {tuple(one) for one in rows["differences"]}
        assert {one for one in stored ^ expected if one[:2] not in self.changed} == set()
        behind = {tuple(row[:3]): row[3] for row in rows["mappings"]}
        live: dict[tuple[str, int], set[Key]] = defaultdict(set)
        for connection, entity_type, external_id, row, table, deleted in rows["mappings"]:
            if not deleted:
                live[table, row].add((connection, entity_type, external_id))
        assert set(behind) == self.model.mapped
        assert {key for some in live.values() for key in some} == set(self.model.promoted)
        self.products_are_right(rows["products"], live)
        self.customers_are_right(rows["customers"], live, behind)
        self.orders_are_right(rows, behind)

    def products_are_right(self, rows: Iterable[Any], live: dict[tuple[str, int], set[Key]]) -> None:
        named = {row: (frozenset(live.get(("core.products", row), ())), sku, name) for row, sku, name in rows}
        by_hand = named.get(self.hand)
        on_hand_row = by_hand[0] if by_hand is not None and by_hand[1:] == (HAND_SKU, BY_HAND) else None
        assert Counter(named.values()) == Counter(self.model.products(on_hand_row))

    def customers_are_right(
        self, rows: Iterable[Any], live: dict[tuple[str, int], set[Key]], behind: dict[Key, int]
    ) -> None:
        listed = {row for key, row in behind.items() if key[1] == "customer"}
        guests = [(email_key, name) for row, _, name, email_key in rows if row not in listed]
        expected = self.model.guests().items()
        assert sorted(self.settled(guests)) == sorted(self.settled(expected))
        named = [
            (frozenset(live.get(("core.customers", row), ())), email, name)
            for row, email, name, _ in rows
            if row in listed
        ]
        assert Counter(named) == Counter(self.model.customers())

    def settled(self, guests: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Without those whose e-mail leads to another one from the next promotion on."""
        return [one for one in guests if one[0] not in self.model.moving]

    def orders_are_right(self, rows: dict[str, Any], behind: dict[Key, int]) -> None:
        emails = {row: email_key for row, _, _, email_key in rows["customers"]}
        orders = {row: (buyer, refunded) for row, buyer, refunded in rows["orders"]}
        lines = dict(rows["lines"])
        for key in self.model.promoted:
            if key[1] != "order":
                continue
            buyer, refunded = orders[behind[key]]
            named, email = self.model.buyer(key), self.model.email_of(key)
            owner = named if email is None else self.model.owner(email)
            if email in self.model.moving:
                pass
            elif owner is not None:
                assert buyer == behind.get(owner), "the order belongs to whom it names, or its e-mail leads to"
            else:
                assert emails.get(buyer) == email, "the order belongs to a guest, or to nobody"
            assert refunded == (self.model.refunded(key) if self.model.refunded(key) is not None else refunded)
            article = (key[0], "product", str(self.model.promoted[key]["line_items"][0]["product_id"]))
            assert lines[behind[key]] == behind.get(article)

    def teardown(self) -> None:
        """When all is promoted, figures are those of all captured orders; and core is what core_check says."""
        try:
            self.everything_is_as_if_promoted_at_once()
        finally:
            super().teardown()

    def core_is_what_the_check_says(self) -> None:
        assert promote.check_core(self.database, self.org, size=50).differences == []

    def everything_is_as_if_promoted_at_once(self) -> None:
        with self.database.org(self.org.org_id) as conn:
            org = promotion_settings(conn, self.org.org_id)
        settle_deletion_changes(self.database, org)
        self.model.settle()
        self.is_right()
        self.core_is_what_the_check_says()
        self.set_policy("source_wins")
        if rest := self.model.open():
            self.applied([(self.model.versions_of(rest), self.world.apply(*rest))])
        assert self.model.open() == []
        self.compare()
        self.core_is_what_the_check_says()
        self.figures_are_right()

    def figures_are_right(self) -> None:
        behind = {
            tuple(row[:3]): row[3]
            for row in self.world.sql(
                "SELECT connection_id, entity_type, external_id, internal_id FROM promote.integration_mapping"
            )
        }
        worth: dict[Any, list[int]] = defaultdict(lambda: [0, 0])
        for key, payload in self.model.promoted.items():
            if key[1] == "order":
                named, email = self.model.buyer(key), self.model.email_of(key)
                owner = named if email is None else self.model.owner(email)
                who: Any = behind.get(owner) if owner is not None else email
                worth[who][0] += int(payload["total"]) - (self.model.refunded(key) or 0)
                worth[who][1] += 1
        listed = {row for key, row in behind.items() if key[1] == "customer"}
        for row, email, value, orders in self.world.sql(
            "SELECT id, email_key, lifetime_value, order_count FROM core.customers WHERE deleted_at IS NULL"
        ):
            assert [value, orders] == worth[row if row in listed else email]


def _run(database: Database, *, sequences: int, steps: int) -> None:
    machine = type("BoundStores", (Stores,), {"database": database})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=sequences,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("sequences", [50] * 4)
def test_core_is_a_function_of_what_is_promoted(database: Database, sequences: int) -> None:
    """Two hundred sequences, in parts that run beside each other."""
    _run(database, sequences=sequences, steps=6)


@pytest.mark.torture
@pytest.mark.parametrize("sequences", [250] * 8)
def test_core_is_a_function_of_what_is_promoted_at_length(database: Database, sequences: int) -> None:
    """Two thousand sequences."""
    _run(database, sequences=sequences, steps=20)

"""Core is a function of the promoted versions: random stores, promoted, deleted and undone, against a model.

The model knows only which version of which record is promoted. It says which records are one row and what the row has,
by the rules of docs/mapping.md and by code of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from sync_pipeline.db.engine import Database
from sync_pipeline.errors import Conflict
from sync_pipeline.steps import connect, promote
from sync_pipeline_tests.integration.promote_world import World, customer, order, product

IDS = st.integers(1, 4)
SKUS = st.sampled_from(["", "A", "a ", "B", "C"])
EMAILS = st.sampled_from(["", "x@a.test", "X@a.test", "y@a.test", "z@a.test"])
SHOPS = st.sampled_from(["shop", "second"])
Key = tuple[int, str, str]
_numbers = count()


class Stores(RuleBasedStateMachine):
    """Two shops whose records change, and people who promote, delete and undo in any order."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        org = connect.add_organization(self.database, f"model-{next(_numbers)}")
        self.world = World(self.database, org.org_id)
        self.shops = {"shop": self.world.shop, "second": self.world.connect("second")}
        self.captured: dict[Key, dict[str, Any]] = {}
        self.gone: set[Key] = set()
        self.versions: dict[Key, list[dict[str, Any]]] = defaultdict(list)  # each differs from the one before
        self.promoted: dict[Key, dict[str, Any]] = {}  # the model: live records and their promoted versions
        self.plans: list[tuple[Any, dict[Key, dict[str, Any] | None]]] = []

    def capture(self, entity_type: str, payload: dict[str, Any], shop: str, *, deleted: bool = False) -> None:
        with self.world.together():
            key = self.world.capture(entity_type, payload, connection=self.shops[shop], deleted=deleted)
        self.captured[key] = payload
        if self.versions[key][-1:] != [payload]:
            self.versions[key].append(payload)
        (self.gone.add if deleted else self.gone.discard)(key)

    @initialize()
    def begin(self) -> None:
        for number in (1, 2, 3):
            self.capture("product", product(number, sku="A", name=f"shop {number}"), "shop")

    @rule(shop=SHOPS, number=IDS, sku=SKUS, name=st.sampled_from("abc"))
    def change_product(self, shop: str, number: int, sku: str, name: str) -> None:
        self.capture("product", product(number, sku=sku, name=f"{shop} {number} {name}"), shop)

    @rule(shop=SHOPS, number=IDS, email=EMAILS, name=st.sampled_from("abc"))
    def change_customer(self, shop: str, number: int, email: str, name: str) -> None:
        fields = {"email": email, "first_name": f"{shop} {number}", "last_name": name, "billing": {}}
        self.capture("customer", customer(number, **fields), shop)

    @rule(shop=SHOPS, number=IDS, buyer=st.integers(0, 4), article=IDS, email=EMAILS, total=st.sampled_from("13"))
    def change_order(self, shop: str, number: int, buyer: int, article: int, email: str, total: str) -> None:
        lines = [{"id": number, "name": "x", "product_id": article, "quantity": 1, "subtotal": total, "total": total}]
        billing = {"email": email, "first_name": f"guest {shop} {number}"}
        payload = order(number, customer_id=buyer, total=total, line_items=lines, billing=billing)
        self.capture("order", payload, shop)

    @rule(shop=SHOPS, number=IDS, amount=st.sampled_from("12"))
    def change_refund(self, shop: str, number: int, amount: str) -> None:
        self.capture("refund", {"id": number + 10, "parent_id": number, "amount": amount}, shop)

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        here = sorted(key for key in self.captured if key not in self.gone)
        if here:
            connection, entity_type, _ = key = data.draw(st.sampled_from(here))
            shop = next(name for name, number in self.shops.items() if number == connection)
            self.capture(entity_type, self.captured[key], shop, deleted=True)

    @rule(data=st.data())
    def promote(self, data: st.DataObject) -> None:
        open_ = sorted(
            key
            for key, payload in self.captured.items()
            if (key in self.promoted if key in self.gone else self.promoted.get(key) != payload)
        )
        if not open_:
            return
        some = data.draw(st.lists(st.sampled_from(open_), min_size=1, max_size=len(open_), unique=True))
        report = self.world.apply(*some)
        assert (report.state, report.errors) == ("done", [])
        self.plans.append((report, {key: self.promoted.get(key) for key in some}))
        for key in some:
            if key in self.gone:
                self.promoted.pop(key, None)
            else:
                self.promoted[key] = self.captured[key]

    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        if not self.plans:
            return
        place = data.draw(st.integers(0, len(self.plans) - 1))
        report, before = self.plans[place]
        try:
            self.world.undo(report)
        except Conflict:
            assert place < len(self.plans) - 1, "the newest promotion can be undone"
            return
        del self.plans[place]
        for key, payload in before.items():
            if payload is None:
                self.promoted.pop(key, None)
            else:
                self.promoted[key] = payload

    @invariant()
    def core_is_what_the_model_says(self) -> None:
        with self.world.together():
            self.products_are_what_the_model_says()
            self.customers_are_what_the_model_says()
            self.orders_without_a_customer_belong_to_whom_their_email_leads_to()
            self.links_lead_to_the_rows_of_what_is_named()
            self.nothing_refers_to_nothing()

    def products_are_what_the_model_says(self) -> None:
        assert self.rows("core.products", "sku", "name") == self.model("product", "sku", _sku_owners)

    def customers_are_what_the_model_says(self) -> None:
        assert self.rows("core.customers", "email", "name") == self.model("customer", "email", _email_owners)

    def orders_without_a_customer_belong_to_whom_their_email_leads_to(self) -> None:
        behind = {tuple(row[:3]): row[3] for row in self.mappings()}
        bought = self.world.sql(
            "SELECT m.connection_id, m.entity_type, m.external_id, o.customer_id, c.email_key, c.name, c.deleted_at "
            "FROM promote.integration_mapping m JOIN core.sales_orders o ON o.id = m.internal_id "
            "LEFT JOIN core.customers c ON c.id = o.customer_id "
            "WHERE m.core_table = 'core.sales_orders' AND NOT m.promoted_deleted"
        )
        guests: dict[str, str] = {}
        for key in sorted(self.promoted, key=lambda one: (one[0], int(one[2]))):
            email = _folded(self.promoted[key].get("billing", {}), "email") if key[1] == "order" else ""
            if email and not self.promoted[key]["customer_id"] and self.owner(email) is None:
                guests.setdefault(email, self.promoted[key]["billing"]["first_name"])
        for connection, entity_type, external_id, row, email_key, name, deleted_at in bought:
            payload = self.promoted[connection, entity_type, external_id]
            email = _folded(payload["billing"], "email")
            if payload["customer_id"]:
                continue
            owner = self.owner(email) if email else None
            if owner is not None:
                assert row == behind[owner]
            elif email:
                assert (email_key, name, deleted_at) == (email, guests[email], None)
            else:
                assert row is None
        rows = self.world.sql(
            "SELECT c.email_key, c.name FROM core.customers c WHERE c.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM "
            "promote.integration_mapping m WHERE m.core_table = 'core.customers' AND m.internal_id = c.id)"
        )
        assert sorted(map(tuple, rows)) == sorted(guests.items())

    def owner(self, email: str) -> Key | None:
        """The live customer whose promoted version has the e-mail, else who had it in an earlier one."""
        live = sorted((key for key in self.promoted if key[1] == "customer"), key=lambda one: (one[0], int(one[2])))
        has = [key for key in live if _folded(self.promoted[key], "email") == email]
        had = [key for key in live if email in self.former(key)]
        return next(iter((*has, *had)), None)

    def former(self, key: Key) -> set[str]:
        """The e-mails that a customer had before the promoted version."""
        versions = self.versions[key]
        emails = [_folded(one, "email") for one in versions]
        now = max(n for n, one in enumerate(versions) if one == self.promoted[key])
        ends = {email: n for n, email in enumerate(emails[:-1]) if email and emails[n + 1] != email}
        return {email for email, last in ends.items() if last < now}

    def teardown(self) -> None:
        """When all is promoted, figures are those of all captured orders; and core is what core_check says."""
        try:
            self.everything_is_as_if_promoted_at_once()
        finally:
            super().teardown()

    def everything_is_as_if_promoted_at_once(self) -> None:
        org = next(one for one in connect.organizations(self.database) if one.org_id == self.world.org_id)
        assert promote.check_core(self.database, org, size=50).differences == []
        rest = [
            key for key, payload in self.captured.items() if key not in self.gone and self.promoted.get(key) != payload
        ]
        rest += [key for key in self.gone if key in self.promoted]
        if rest:
            self.world.apply(*rest)
        assert promote.check_core(self.database, org, size=50).differences == []
        self.promoted = {key: payload for key, payload in self.captured.items() if key not in self.gone}
        self.orders_without_a_customer_belong_to_whom_their_email_leads_to()
        mapped = "SELECT connection_id, entity_type, external_id, internal_id FROM promote.integration_mapping"
        behind = {tuple(row[:3]): row[3] for row in self.world.sql(mapped)}
        worth: dict[Any, list[int]] = defaultdict(lambda: [0, 0])
        for key, payload in self.promoted.items():
            if key[1] != "order":
                continue
            email = _folded(payload["billing"], "email")
            who: Any = behind.get((key[0], "customer", str(payload["customer_id"])))
            if not payload["customer_id"] and email:
                owner = self.owner(email)
                who = behind[owner] if owner else email
            refund = self.promoted.get((key[0], "refund", str(payload["id"] + 10)))
            worth[who][0] += int(payload["total"]) - int(refund["amount"] if refund else 0)
            worth[who][1] += 1
        found = self.world.sql(
            "SELECT c.id, c.email_key, c.lifetime_value, c.order_count, EXISTS (SELECT 1 FROM "
            "promote.integration_mapping m WHERE m.core_table = 'core.customers' AND m.internal_id = c.id) "
            "FROM core.customers c WHERE c.deleted_at IS NULL"
        )
        for row, email, value, orders, listed in found:
            assert [value, orders] == worth[row if listed else email]

    def links_lead_to_the_rows_of_what_is_named(self) -> None:
        rows = self.world.sql(
            "SELECT m.connection_id, o.customer_id, i.product_id, r.sync_data ->> 'customer_id', "
            "r.sync_data #>> '{line_items,0,product_id}' FROM promote.integration_mapping m "
            "JOIN core.sales_orders o ON m.core_table = 'core.sales_orders' AND o.id = m.internal_id "
            "JOIN core.sales_order_items i ON i.order_id = o.id AND i.deleted_at IS NULL AND i.item_type = 'line' "
            "JOIN capture.sync_record_version r ON r.connection_id = m.connection_id AND r.entity_type = m.entity_type "
            "AND r.external_id = m.external_id AND r.content_hash = m.promoted_hash WHERE NOT m.promoted_deleted"
        )
        behind = {tuple(row[:3]): row[3] for row in self.mappings()}
        for connection, buyer, article, customer_id, product_id in rows:
            for kind, external_id, row in (("customer", customer_id, buyer), ("product", product_id, article)):
                if (connection, kind, external_id) in behind:
                    assert row == behind[connection, kind, external_id]

    def nothing_refers_to_nothing(self) -> None:
        assert self.world.sql("SELECT * FROM core.orphans()") == []

    def mappings(self) -> list[Any]:
        return self.world.sql(
            "SELECT connection_id, entity_type, external_id, internal_id, core_table FROM promote.integration_mapping "
            "WHERE NOT promoted_deleted"
        )

    def rows(self, table: str, *columns: str) -> set[tuple[Any, ...]]:
        """The live rows that records are mapped to: which records, and what the row has."""
        behind: dict[int, set[Key]] = defaultdict(set)
        for connection, entity_type, external_id, row, core_table in self.mappings():
            if core_table == table:
                behind[row].add((connection, entity_type, external_id))
        found = self.world.sql(f"SELECT id, {', '.join(columns)}, deleted_at FROM {table}")
        live = {row[0]: row for row in found if row[-1] is None}
        assert set(behind) <= set(live), "a live record's row is marked deleted"
        extra = [row for number, row in live.items() if number not in behind]
        mapped = {row[0] for row in self.world.sql("SELECT internal_id FROM promote.integration_mapping "
                                                    "WHERE core_table = %(table)s", table=table)}  # fmt: skip
        extra = [row for row in extra if table != "core.customers" or row[0] in mapped]  # guests have no record
        assert extra == [], "a row without a record is not marked deleted"
        return {(frozenset(keys), *live[number][1:-1]) for number, keys in behind.items()}

    def model(self, entity_type: str, field: str, owners: Any) -> set[tuple[Any, ...]]:
        """What core must have."""
        records = {key: payload for key, payload in self.promoted.items() if key[1] == entity_type}
        expected = set()
        for members, owns in owners(records, field):
            first = records[min(members, key=lambda key: (key[0], int(key[2])))]
            name = first["name"] if entity_type == "product" else f"{first['first_name']} {first['last_name']}"
            expected.add((frozenset(members), first[field].strip() if owns else None, name))
        return expected


def _folded(payload: dict[str, Any], field: str) -> str:
    return str(payload[field]).strip().casefold()


def _sku_owners(records: dict[Key, dict[str, Any]], field: str) -> Iterator[tuple[list[Key], bool]]:
    lowest: dict[tuple[str, int], int] = {}
    for (connection, _, number), payload in records.items():
        if sku := _folded(payload, field):
            lowest[sku, connection] = min(int(number), lowest.get((sku, connection), 99))
    together: dict[str, list[Key]] = defaultdict(list)
    for key, payload in records.items():
        sku = _folded(payload, field)
        if sku and lowest[sku, key[0]] == int(key[2]):
            together[sku].append(key)
        else:
            yield [key], False
    yield from ((keys, True) for keys in together.values())


def _email_owners(records: dict[Key, dict[str, Any]], field: str) -> Iterator[tuple[list[Key], bool]]:
    together: dict[str, list[Key]] = defaultdict(list)
    for key, payload in records.items():
        if email := _folded(payload, field):
            together[email].append(key)
        else:
            yield [key], False
    yield from ((keys, True) for keys in together.values())


@contextmanager
def _machine(database: Database) -> Iterator[type[Stores]]:
    yield type("BoundStores", (Stores,), {"database": database})


def _run(database: Database, *, sequences: int, steps: int) -> None:
    with _machine(database) as machine:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=sequences,
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


def test_core_is_a_function_of_what_is_promoted(database: Database) -> None:
    _run(database, sequences=50, steps=15)


@pytest.mark.torture
@pytest.mark.parametrize("sequences", [500] * 4)
def test_core_is_a_function_of_what_is_promoted_at_length(database: Database, sequences: int) -> None:
    """Two thousand sequences, in parts that run beside each other."""
    _run(database, sequences=sequences, steps=20)

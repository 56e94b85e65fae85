"""“In sync” means that mapping a record afresh gives the row that core has, whatever it follows: against a model.

Records and those that they follow change, are promoted and undone in any order; now and then people look. The model
keeps what each record was mapped to when it was promoted, by a lookup of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from sync_pipeline.db.engine import Database
from sync_pipeline.entities.base import Entity
from sync_pipeline.errors import Conflict
from sync_pipeline.exact_json import loads, to_json
from sync_pipeline.steps import connect
from sync_pipeline.steps.capture.mapped import Captured, to_entities
from sync_pipeline.steps.capture.related import Key
from sync_pipeline_tests.integration.test_promote_odoo_one_core import (
    Erp,
    order,
    order_line,
    partner,
    quant,
    template,
    variant,
)

NAMES = st.sampled_from(["A", "B", "C"])
Record = tuple[int, str, str]
_numbers = count()

# What may be renamed, with the fields that core copies; and a field that nobody copies.
FOLLOWED: dict[tuple[str, int], str] = {
    ("location", 8): "complete_name",
    ("location", 9): "complete_name",
    ("unit", 1): "name",
    ("tax", 4): "name",
    ("tax", 6): "name",  # not captured at first
    ("attribute", 7): "name",
    ("attribute_value", 83): "name",
    ("partner_tag", 3): "name",
    ("country", 57): "code",
    ("currency", 126): "name",
}
AS_PROMOTED = {"order": ("customer_email", "billing_address", "shipping_address")}


class Store(RuleBasedStateMachine):
    """An Odoo whose records change, and people who look, promote and undo."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        org = connect.add_organization(self.database, f"followed-{next(_numbers)}")
        self.world = Erp(self.database, org.org_id)
        self.captured: dict[Record, dict[str, Any]] = {}
        self.known: dict[tuple[str, str], dict[str, Any]] = {}
        self.promoted: dict[Record, tuple[dict[str, Any], Entity]] = {}
        self.plans: list[tuple[Any, dict[Record, Any]]] = []
        self.gone: set[tuple[str, str]] = set()

    @initialize()
    def begin(self) -> None:
        for entity_type, payload in (
            ("location", {"id": 8, "usage": "internal", "complete_name": "A"}),
            ("location", {"id": 9, "usage": "internal", "complete_name": "B"}),
            ("unit", {"id": 1, "name": "A"}),
            ("tax", {"id": 4, "name": "A", "amount": 19.0}),
            ("attribute", {"id": 7, "name": "A"}),
            ("attribute_value", {"id": 83, "name": "A"}),
            ("template_attribute_value", {"id": 23, "attribute_id": 7, "product_attribute_value_id": 83}),
            ("partner_tag", {"id": 3, "name": "A"}),
            ("country", {"id": 57, "code": "A", "name": "Germany"}),
            ("currency", {"id": 126, "name": "A"}),
        ):
            self.capture(entity_type, payload)
        self.change(1, "A", [4])

    def capture(self, entity_type: str, payload: dict[str, Any], *, deleted: bool = False) -> Record:
        key = (entity_type, str(payload["id"]))
        self.known[key] = payload
        self.gone = self.gone | {key} if deleted else self.gone - {key}
        return self.world.capture(entity_type, payload, deleted=deleted)

    @rule(state=st.sampled_from(["draft", "posted"]), lines=st.sampled_from([[], [1], [2], [1, 2]]), gone=st.booleans())
    def credit(self, state: str, lines: list[int], gone: bool) -> None:
        """A credit note over lines of the first order, with a line that comes and goes."""
        self.capture("invoice", {"id": 9, "move_type": "out_refund", "state": state, "currency_id": 126})
        part = {"id": 8, "move_id": 9, "sale_line_ids": lines, "price_total": 5.0, "display_type": "product"}
        self.capture("invoice_line", part, deleted=gone)

    @rule(number=st.integers(1, 2), name=NAMES, taxes=st.sampled_from([[4], [6], [4, 6]]))
    def change(self, number: int, name: str, taxes: list[int]) -> None:
        """The records that follow others have a content of their own, too."""
        for entity_type, payload in (
            ("product", template(40 + number, name=name, taxes_id=taxes)),
            ("variation", variant(60 + number, 41, name=name, product_template_attribute_value_ids=[23])),
            ("stock", quant(number, 61, 7 + number, float(ord(name)))),
            ("customer", partner(46 + number, name=name, is_company=number == 1, country_id=57, category_id=[3])),
            ("customer", partner(50 + number, parent_id=46 + number, customer_rank=1, city=name)),
            ("order", order(number, name=name, partner_id=50 + number, partner_invoice_id=51)),
            ("order_line", order_line(number, 1, name=name, product_id=61, tax_ids=taxes)),
        ):
            self.captured[self.capture(entity_type, payload)] = payload

    @rule(which=st.sampled_from(sorted(FOLLOWED)), name=NAMES)
    def rename(self, which: tuple[str, int], name: str) -> None:
        entity_type, number = which
        before = self.known.get((entity_type, str(number)), {"id": number})
        self.capture(entity_type, {**before, FOLLOWED[which]: name})

    @rule(which=st.sampled_from(sorted(FOLLOWED)), value=st.integers(0, 3))
    def change_what_nobody_copies(self, which: tuple[str, int], value: int) -> None:
        entity_type, number = which
        if before := self.known.get((entity_type, str(number))):
            self.capture(entity_type, {**before, "sequence": value})

    @rule(
        kind=st.sampled_from(
            ["product", "variation", "stock", "customer", "order", "order_line", "location", "tax", "invoice"]
        )
    )
    def look_at_one(self, kind: str) -> None:
        self.world.preview(kind, self.world.erp)

    @rule(data=st.data())
    def promote(self, data: st.DataObject) -> None:
        some = data.draw(st.lists(st.sampled_from(sorted(self.captured)), min_size=1, unique=True))
        report = self.world.apply(*some)
        assert (report.state, report.errors) == ("done", [])
        self.plans.append((report, {record: self.promoted.get(record) for record in some}))
        self.promoted |= {record: (self.captured[record], self.afresh(record)) for record in some}

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
        for record, was in before.items():
            if was is None:
                self.promoted.pop(record, None)
            else:
                self.promoted[record] = was

    @rule()
    def look(self) -> None:
        """What differs from core is exactly what the model says."""
        for kind in dict.fromkeys(kind for _, kind, _ in self.captured):
            self.world.preview(kind, self.world.erp)
        rows = self.world.sql(
            "SELECT connection_id, entity_type, external_id, status, followed FROM preview.difference "
            "WHERE entity_type = ANY(%(kinds)s)",
            kinds=[kind for _, kind, _ in self.captured],
        )
        assert {tuple(row[:3]): row.status for row in rows} == self.expected()
        for row in rows:
            if row.followed is not None:
                was, now = self.promoted[tuple(row[:3])][1], self.afresh(tuple(row[:3]))
                assert row.followed["fields"], (was, now)
                self.says(row.followed["fields"], was, now)

    def teardown(self) -> None:
        self.look()

    def expected(self) -> dict[Record, str]:
        found = {}
        for record, payload in self.captured.items():
            if record not in self.promoted:
                found[record] = "new"
            elif self.promoted[record][0] != payload or self.kept(record) != self.kept(record, self.afresh(record)):
                found[record] = "updated"
        return found

    def says(self, fields: Mapping[str, Any], was: Entity, now: Entity) -> None:
        """Both values of a changed field stand in what it was mapped to then and in what it would be now."""
        for sides in fields.values():
            for side, entity in (("before", was), ("after", now)):
                if side in sides:
                    assert sides[side] in list(_values(loads(to_json(msgspec.to_builtins(entity)))))

    def kept(self, record: Record, entity: Entity | None = None) -> Entity:
        """What a record was mapped to (or `entity`), without what it keeps from when it was promoted."""
        entity = entity or self.promoted[record][1]
        return msgspec.structs.replace(entity, **dict.fromkeys(AS_PROMOTED.get(record[1], ())))

    def afresh(self, record: Record) -> Entity:
        captured = Captured(record[0], "odoo", record[1], to_json(self.captured[record]))
        (entity,) = to_entities([captured], self)
        assert isinstance(entity, Entity), entity
        return entity

    def named(self, entity_type: str, fields: Sequence[str], keys: Sequence[Key]) -> dict[Key, dict[str, Any]]:
        return {
            key: {name: loads(to_json(record[name])) for name in fields if name in record}
            for key in keys
            if (record := self.known.get((entity_type, key[1]))) is not None
        }

    def naming(
        self, entity_type: str, by: str | None, fields: Sequence[str], keys: Sequence[Key]
    ) -> dict[Key, list[dict[str, Any]]]:
        naming: dict[Key, list[dict[str, Any]]] = {key: [] for key in keys}
        for (kind, number), record in self.known.items():
            if kind != entity_type or (kind, number) in self.gone:
                continue
            value = record[by or "order_id"]
            for key in keys:
                if int(key[1]) in (value if isinstance(value, list) else [value]):
                    naming[key].append({name: loads(to_json(record[name])) for name in ("id", *fields)})
        return naming


def _values(value: Any) -> Iterator[Any]:
    """A value and everything in it."""
    yield value
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _values(one)


def _run(database: Database, *, sequences: int, steps: int) -> None:
    run_state_machine_as_test(
        type("BoundStore", (Store,), {"database": database}),
        settings=settings(
            max_examples=sequences, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_in_sync_means_that_mapping_afresh_gives_what_core_has(database: Database) -> None:
    _run(database, sequences=6, steps=12)


@pytest.mark.torture
def test_in_sync_means_that_mapping_afresh_gives_what_core_has_at_length(database: Database) -> None:
    _run(database, sequences=500, steps=20)

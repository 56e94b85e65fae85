"""A sandbox store whose records a case writes as they are, and the way from there into core."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sync_pipeline.steps import promote, select
from sync_pipeline.steps.promote import ApplyReport
from sync_pipeline_tests.integration.promote_world import customer, order, product, variation
from sync_pipeline_tests.stores import Shop

STREAMS = ("categories", "products", "variations", "customers", "orders", "refunds")
_DATES = {
    "date_created": "2026-03-01T10:00:00",
    "date_created_gmt": "2026-03-01T10:00:00",
    "date_modified": "2026-03-01T10:00:00",
    "date_modified_gmt": "2026-03-01T10:00:00",
}


def _category(number: int) -> dict[str, Any]:
    return {"id": number, "name": f"Category {number}", "slug": f"c-{number}", "parent": 0, "image": None}


def _refund(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "amount": "1.00",
        "reason": "",
        "line_items": [],
        "shipping_lines": [],
        "fee_lines": [],
    }


_PLAIN: dict[str, Callable[[int], dict[str, Any]]] = {
    "products": lambda number: {**product(number), **_DATES},
    "variations": lambda number: {**variation(number, 0), "name": f"Variation {number}", **_DATES},
    "categories": _category,
    "customers": lambda number: {**customer(number), **_DATES},
    "orders": lambda number: {**order(number), "currency": "EUR", **_DATES},
    "refunds": lambda number: {**_refund(number), **_DATES},
}
# What the sandbox store itself looks at to list a record.
_LISTED: dict[str, dict[str, Any]] = {
    "orders": {"customer_id": 0, "line_items": [], "billing": {}},
    "categories": {"parent": 0},
}


@dataclass
class Case:
    """A store with the records of one case."""

    shop: Shop
    written: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    report: ApplyReport | None = None
    preview: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def put(
        self, kind: str, number: int, /, *, under: int | None = None, without: Sequence[str] = (), **given: Any
    ) -> None:
        """A plain record of the kind, with these fields in place of its own and `without` some."""
        payload = {**_PLAIN[kind](number), **given}
        if under is not None:
            payload["parent_id"] = given.get("parent_id", under)
        payload = {name: value for name, value in payload.items() if name not in without}
        known = {"name": "x", "status": "publish", "email": f"listed{number}@example.test", **_LISTED.get(kind, {})}
        if kind == "orders":
            known["status"] = "processing"
        if under is not None:
            known["parent_id"] = under
        if kind == "refunds":
            known = {"parent_id": under, "line_items": []}
        self.shop.store.insert(kind, known, number)
        self._write(kind, number, payload)

    def change(self, kind: str, number: int, /, **given: Any) -> None:
        """Write fields of a record, and move its date."""
        self.shop.store.advance(5)
        if self.shop.store.row(kind, number).modified is not None:
            self.shop.store.bump(kind, number)
        now = self.shop.store.gmt(self.shop.store.now())
        self._write(kind, number, {**self.written[kind, number], "date_modified_gmt": now, **given})

    def remove(self, kind: str, number: int, /) -> None:
        """Delete a record for good."""
        self.shop.store.tables[kind].remove(number)

    def run(self, *names: str, ids: Sequence[str] | None = None) -> None:
        """Pull, compare, include everything (or these records alone), plan, apply; what was said is kept."""
        self.shop.pull(*STREAMS)
        counts = {name: self.shop.preview(name) for name in STREAMS}
        self.preview = {
            (row.entity_type, row.external_id): [one["message"] for one in row.warnings]
            for row in self.shop.rows("SELECT entity_type, external_id, warnings FROM preview.difference")
        }
        for name in names or STREAMS:
            if counts[name].new + counts[name].updated + counts[name].deleted:
                stream = self.shop.connection.source.stream(name)
                which: dict[str, Any] = {"everything": True} if ids is None else {"ids": ids}
                select.select(self.shop.db, self.shop.connection, stream, include=True, actor="ann", **which)
        plan = select.make_plan(self.shop.db, self.shop.org, actor="ann")
        assert plan is not None
        self.report = promote.apply(self.shop.db, self.shop.org.org_id, str(plan.plan_id), actor="ann")

    def said(self, entity_type: str, number: int) -> str:
        """What promotion said of a record."""
        assert self.report is not None
        lines = promote.lines(self.shop.db, self.shop.org.org_id, self.report.queue)
        (line,) = (one for one in lines if (one.entity_type, one.external_id) == (entity_type, str(number)))
        return " ".join([*([line.reason] if line.reason else []), *line.warnings])

    def foreseen(self, entity_type: str, number: int) -> str:
        """What the preview said of a record before it was promoted."""
        return " ".join(self.preview.get((entity_type, str(number)), []))

    def errors(self) -> Sequence[Any]:
        """The records that failed."""
        assert self.report is not None
        return self.report.errors

    def core(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of core; amounts as they are written."""
        return [tuple(row) for row in self.shop.rows(sql)]

    def _write(self, kind: str, number: int, payload: dict[str, Any]) -> None:
        self.written[kind, number] = payload
        self.shop.store.raw_override(kind, number, json.dumps(payload))

"""What is personal in a payload is personal wherever core keeps it: for every stream, in every answer about core."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sync_pipeline.api.masking import Masking
from sync_pipeline.entities.base import Entity
from sync_pipeline.entities.core import CoreTable, child_fields, core_tables, table_of
from sync_pipeline.exact_json import to_json
from sync_pipeline.sources.base import Stream, all_sources, source
from sync_pipeline.steps.capture.mapped import Captured, to_entities
from sync_pipeline.steps.preview.masking import Masker, masked_changes, masked_core
from sync_pipeline.steps.promote.core_difference import Difference
from sync_pipeline_tests.databases import settings_at
from sync_pipeline_tests.unit.test_masking import SHAPED

MASKER = Masker(settings_at(Path("/nowhere")), 7)
READS = Masking(MASKER)
MARK = "quoxel"  # in every personal value of a payload
CUSTOMERS, PARTNERS, ORDERS = (
    source(provider).stream(name)
    for provider, name in (("woocommerce", "customers"), ("odoo", "customers"), ("woocommerce", "orders"))
)
STREAMS = [
    (provider.name, stream)
    for provider in all_sources().values()
    for stream in provider.streams.values()
    if stream.personal or (stream.to_entity and getattr(stream.to_entity, "follows", ()))
]
_KEPT = ("city", "country", "state", "id", "type")


def _value(shape: str, path: str, stream: Stream, only: str | None) -> Any:
    """What a field of a recorded shape has; a mark, where it is personal and among those asked for."""
    declared = next((one for one in stream.personal if path == one or path.startswith(f"{one}.")), None)
    last = path.rpartition(".")[2]
    if declared is not None and last not in _KEPT:
        if only not in (None, declared):
            return ""
        return f"{MARK}{len(path)}@mark.example" if "mail" in last else f"{MARK} {last}"
    if shape.startswith("many2one"):
        return 7
    if only is not None and last in ("name", "full_name", "complete_name", "display_name", "title", "label"):
        return ""  # it has no other name
    if "many" in shape or "list" in shape:
        return []
    return "Sofa" if any(kind in shape for kind in ("text", "slug", "char")) and "decimal" not in shape else 0


def _marked(shape: Any, stream: Stream, only: str | None = None, path: str = "") -> Any:
    """A payload of a shape whose personal values are marks; with `only`, those of one declared path alone."""
    if isinstance(shape, list):
        return [_marked(one, stream, only, path) for one in shape[:1]]
    if isinstance(shape, dict):
        names = {name.removesuffix("?"): one for name, one in shape.items() if name not in ("", "[]", "*")}
        return {name: _marked(one, stream, only, f"{path}.{name}" if path else name) for name, one in names.items()}
    return _value(str(shape), path, stream, only)


def _payload(stream: Stream, only: str | None = None) -> dict[str, Any]:
    shape: Any = next((shape for one, shape in SHAPED if one is stream), {})
    payload = _marked(shape[0] if isinstance(shape, list) else shape, stream, only)
    for path in stream.personal:  # what no recording has
        if "." not in path and path not in payload:
            payload[path] = _value("text", path, stream, only)
    return {**payload, "id": 7, **({"parent_id": False} if stream is PARTNERS else {})}


class _Captured:
    """Every record that a payload names is captured, and has marks too."""

    def __init__(self, provider: str) -> None:
        self.provider = provider

    def named(self, entity_type: str, fields: Sequence[str], keys: Sequence[Any]) -> Mapping[Any, Any]:
        payload = _payload(source(self.provider).stream(entity_type))
        return {key: {name: payload.get(name, "Sofa") for name in fields} for key in keys}

    def naming(self, entity_type: str, by: str | None, fields: Sequence[str], keys: Sequence[Any]) -> Mapping[Any, Any]:
        return {}


def entities(provider: str, stream: Stream) -> Iterator[Entity]:
    """What payloads with marks become: with all personal values, with each alone, as an address of somebody."""
    payloads = [_payload(stream, only) for only in (None, *stream.personal)]
    if stream is PARTNERS:
        payloads += [{**one, "type": "delivery", "parent_id": 8} for one in payloads]
    records = [Captured(1, provider, stream.entity_type, to_json(one)) for one in payloads]
    for found in to_entities(records, _Captured(provider)):
        assert not isinstance(found, Exception), found
        yield found


def columns(entity: Entity) -> dict[str, Any]:
    """An entity as core has it: columns, and rows of other tables."""
    names = {**{name: name for name in table_of(type(entity)).columns}, **child_fields(type(entity))}
    built = msgspec.to_builtins(msgspec.structs.replace(entity, warnings=()), builtin_types=(Decimal,))
    return {column: built[name] for name, column in names.items() if name in built}


def answers(stream: Stream, entity: Entity) -> Iterator[tuple[str, Any]]:
    """Every answer that an agent can get of these columns."""
    table, brought = table_of(type(entity)), columns(entity)
    own = {name: value for name, value in brought.items() if name in table.columns}
    keys = {f"metadata.{key}": value for key, value in own.get("metadata", {}).items()}
    yield "brings", READS.brought(stream, own)
    yield "core row", READS.core(stream, table.name, own)
    for sides in (("before",), ("after",), ("before", "after")):
        given = [{"field": name, **dict.fromkeys(sides, value)} for name, value in brought.items()]
        yield "core of a plan", masked_core(MASKER, stream, given)
    for name, value in {**own, **keys}.items():
        yield f"core of a plan: {name}", masked_core(MASKER, stream, [{"field": name, "after": value}])
        copied = {name: {"before": None, "after": value, "through": {"entity": "customer"}}}
        yield f"copied: {name}", READS.changes(stream, copied)
    yield from repairs(stream, table, {**own, **keys})
    for name, rows in brought.items():
        for row in rows if isinstance(rows, list) else [rows]:
            if f"core.{name}" in core_tables() and row:
                yield from repairs(stream, core_tables()[f"core.{name}"], row)


def repairs(stream: Stream, table: CoreTable, row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """A repair of each column of a row, and of all of it."""
    missing = Difference(table.name, None, "", None, row, place="a]shop[ customers 5")
    for one in [missing, *(Difference(table.name, 5, field, None, value) for field, value in row.items())]:
        yield f"repair: {one.path}", masked_changes(MASKER, stream, [{"field": one.path, **one.sides}])
        yield f"repair for a model: {one.path}", READS.changes(stream, {one.path: one.sides})


@pytest.mark.parametrize(("provider", "stream"), STREAMS, ids=[f"{name}-{one.name}" for name, one in STREAMS])
def test_what_is_personal_in_a_payload_is_personal_wherever_core_keeps_it(provider: str, stream: Stream) -> None:
    for entity in entities(provider, stream):
        for name, answer in answers(stream, entity):
            assert MARK not in to_json(answer).lower(), (name, answer)


def test_core_keeps_personal_values_in_columns_and_under_names_of_payloads() -> None:
    """Without these the property above would hold of nothing."""
    found = set()
    for provider, stream in STREAMS:
        for entity in entities(provider, stream):
            for name, value in columns(entity).items():
                below = value.items() if name in ("metadata", "data") else [("", value)]
                short = table_of(type(entity)).short
                found |= {f"{short} {name} {key}".strip() for key, one in below if MARK in to_json(one)}
    assert found >= {
        "customers name", "customers metadata ref", "customers metadata website", "customer_addresses name",
        "customer_addresses phone", "customer_addresses metadata ref", "sales_orders metadata customer_note",
        "sales_orders metadata transaction_id", "sales_orders customers", "sales_orders billing_address",
        "reference_data name", "reference_data data reviewer", "reference_data data memo",
    }, found  # fmt: skip


def test_what_is_not_personal_stays() -> None:
    table = core_tables()["core.sales_orders"]
    row = {"number": "17", "status": "completed", "metadata": {"woo_order_id": 17, "created_via": "checkout"}}
    assert READS.core(ORDERS, table.name, row) == row
    change = {"field": "products[id=5].name", "before": "Desk", "after": "Chair"}
    assert masked_changes(MASKER, PARTNERS, [change]) == [change]
    tag = {"name": "Blue", "code": "7", "data": {"name": "Blue", "note": "Ring", "ref": "R"}}
    assert READS.brought(source("woocommerce").stream("tags"), tag) == tag
    payment = {"name": "PAY/7", "code": "PAY/7", "data": {"name": "PAY/7", "memo": "For Ann Other"}}
    masked = READS.brought(source("odoo").stream("payments"), payment)
    assert (masked["code"], masked["data"]["name"]) == ("PAY/7", "PAY/7")
    assert "Ann" not in to_json(masked)


def test_a_row_that_cannot_be_read_from_its_place_is_masked_wholly() -> None:
    """A plan of an earlier version has the brackets of a connection's name in it."""
    change = {"field": "customers[a]b customers 5]", "after": {"nickname": "Ann Other", "order_count": 3}}
    [told] = masked_changes(MASKER, CUSTOMERS, [change])
    assert told["after"] == {"nickname": MASKER.pseudonym("Ann Other"), "order_count": MASKER.pseudonym(3)}

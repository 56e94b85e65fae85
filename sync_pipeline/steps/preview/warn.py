"""Warnings about what would go wrong in promotion, for the differences that were just written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection as Transaction

from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.base import Entity, MapperWarning, Unmappable
from sync_pipeline.errors import SyncError
from sync_pipeline.exact_json import to_json
from sync_pipeline.sources.base import Source, Stream, streams_of, types_of
from sync_pipeline.steps.capture.mapped import Captured, reason, to_entities
from sync_pipeline.steps.capture.related import looking
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.entity import keys
from sync_pipeline.steps.preview.odd import odd_values

SQL = load(__package__, "warnings.sql")
_CHUNK = 1000  # records mapped at a time; bounds memory
_NAMED = 10_000  # records named at a time, for the same reason


def warn(conn: Transaction, connection: Connection, stream: Stream) -> None:
    """Warn about the differences of a whole entity that this transaction has written."""
    here = keys(connection, stream)
    execute(conn, SQL["stage_fresh"], **here)
    _warn(conn, here, stream, SQL["forget_sku_warnings"])  # by hash, as they were compared


def warn_some(conn: Transaction, connection: Connection, stream: Stream) -> None:
    """The same for a few records, by index probes."""
    here = keys(connection, stream)
    execute(conn, SQL["stage_fresh"], **here)
    _warn(conn, here, stream, SQL["forget_some_sku_warnings"])


def warn_again(conn: Transaction, connection_id: int, stream: Stream, ids: Sequence[str], *, provider: str) -> None:
    """Give the differences among these records the warnings of a comparison of now.

    Whoever writes `preview.difference` without comparing ends with it, in the same transaction: a row without its
    warnings is one that a policy lets through.
    """
    here = {"connection_id": connection_id, "entity_type": stream.entity_type, "provider": provider}
    for start in range(0, len(ids), _NAMED):
        chunk = list(ids[start : start + _NAMED])
        execute(conn, SQL["drop_fresh"])
        execute(conn, SQL["forget_warnings"], **here, ids=chunk)
        execute(conn, SQL["stage_again"], **here, ids=chunk)
        _warn(conn, here, stream, SQL["forget_some_sku_warnings"])
    execute(conn, SQL["drop_fresh"])


def naming(provider: Source, stream: Stream) -> Sequence[Stream]:
    """The streams whose records name this one's, and are warned of where it is missing."""
    return [
        one
        for one in provider.streams.values()
        if stream.entity_type == one.refers_to or stream.entity_type in one.links.values()
    ]


def warn_no_longer(conn: Transaction, connection: Connection, stream: Stream) -> None:
    """Take back the warnings that a record of this stream is missing, where it was captured since."""
    for one in naming(connection.source, stream):
        execute(conn, SQL["no_longer_missing"], **keys(connection, one), missing=stream.entity_type)


def _warn(conn: Transaction, here: Mapping[str, Any], stream: Stream, forget: str) -> None:
    execute(conn, SQL["index_fresh"])
    execute(conn, SQL["analyze_fresh"])
    if stream.code_is == "sku":
        execute(conn, SQL["stage_codes"])
        execute(conn, SQL["analyze_codes"])
        execute(conn, forget, **here)
    execute(conn, SQL["join_by_index"])
    seen = {row.field: row.types for row in execute(conn, SQL["seen_types"], **here)}
    ids: dict[str, None] = {}
    if odd := odd_values(stream, seen):
        ids |= dict.fromkeys(execute(conn, SQL["odd_values"], **here, odd=odd).scalars())
    if stream.adds_up:
        ids |= dict.fromkeys(execute(conn, SQL["odd_totals"], **here, total=stream.total, **_parts(stream)).scalars())
    odd_ones = list(ids)
    for start in range(0, len(odd_ones), _CHUNK):
        _warn_values(conn, here, stream, odd_ones[start : start + _CHUNK])
    if stream.links:
        links = {"fields": list(stream.links), "types": list(stream.links.values())}
        execute(conn, SQL["warn_missing_links"], **here, **links)
    if stream.refers_to:
        execute(conn, SQL["warn_missing_parent"], **here, refers_to=stream.refers_to)
    if stream.refers_to == stream.entity_type:
        execute(conn, SQL["warn_circle"], **here, refers_to=stream.refers_to)
    if stream.currency:
        where = followed(stream, stream.currency)
        execute(conn, SQL["warn_currency"], **here, currency=stream.currency, **where)
    if stream.references:
        execute(
            conn,
            SQL["warn_same_sale"],
            **here,
            references=list(stream.references),
            types=types_of("order"),
            total=stream.total,
            totals=sorted({one.total for one in streams_of("order") if one.total}),
        )
    if stream.entity == "customer" and stream.email:
        execute(conn, SQL["warn_email"], **here)
    if stream.code_is == "sku":
        execute(conn, SQL["warn_sku"], **here, entity=stream.entity)
    execute(conn, SQL["write_warnings"], **here)


def _parts(stream: Stream) -> dict[str, list[str]]:
    """The lists that an order's total is the sum of, and the amount in each of a list's elements."""
    parts = [one.split(".") for one in stream.adds_up]
    return {"lists": [within for within, _ in parts], "amounts": [name for _, name in parts]}


def _warn_values(conn: Transaction, here: Mapping[str, Any], stream: Stream, ids: Sequence[str]) -> None:
    """Map these records as promotion does, and keep what it would say."""
    rows = execute(conn, SQL["odd_payloads"], **here, ids=list(ids)).all()
    records = (
        Captured(here["connection_id"], here["provider"], stream.entity_type, row.payload, row.parent_id)
        for row in rows
    )
    found = {
        row.external_id: said
        for row, entity in zip(rows, to_entities(records, looking(conn)), strict=True)
        if (said := _said(entity))
    }
    if found:
        execute(conn, SQL["warn_values"], **here, ids=list(found), warnings=[to_json(one) for one in found.values()])


def _said(entity: Entity | Exception) -> list[dict[str, str]]:
    """What mapping said of a record: why it is refused, or its warnings."""
    if isinstance(entity, Unmappable):
        code = "unparsable_money" if entity.wanted in ("amount", "number") else "unmappable"
        return [{"code": code, "field": entity.field_name, "message": str(entity)}]
    if isinstance(entity, Exception):
        # Another record that is not captured yet is no fault of this one's values.
        return [] if isinstance(entity, SyncError) else [{"code": "unmappable", "message": reason(entity)}]
    return [
        {"code": one.code, "field": one.field, "message": str(one)}
        for one in entity.warnings
        if isinstance(one, MapperWarning)
    ]


def followed(stream: Stream, field: str) -> dict[str, str | None]:
    """If `field` refers to a record that the mapper follows: that record's type, and the field that is read."""
    for follow in getattr(stream.to_entity, "follows", ()):
        if follow.field == field:
            return {"of_type": follow.entity_type, "of_field": follow.reads[0]}
    return {"of_type": None, "of_field": None}

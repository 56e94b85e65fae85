"""What an order's lines named before: a store empties product and SKU of old lines when it deletes the product."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.order import Order
from sync_pipeline.entities.order_item import ItemType, OrderItem, OrderLines
from sync_pipeline.steps.capture.mapped import Captured, to_entities
from sync_pipeline.steps.capture.related import Lookup
from sync_pipeline.steps.promote.map.batch import WorkItem

SQL = load("sync_pipeline.steps.promote.map", "earlier.sql")
Earlier = Callable[[Sequence[WorkItem]], Sequence[Any]]
"""The earlier versions of records: rows of `n` (which record, from 1) and `payload`, the newest first."""


def earlier_versions(conn: Connection) -> Earlier:
    """Look them up in the caller's transaction."""

    def found(items: Sequence[WorkItem]) -> Sequence[Any]:
        return execute(
            conn,
            SQL["earlier_versions"],
            connections=[item.line.connection_id for item in items],
            types=[item.line.entity_type for item in items],
            ids=[item.line.external_id for item in items],
            hashes=[item.line.content_hash for item in items],
        ).all()

    return found


def recall_products(items: Sequence[WorkItem], earlier: Earlier, look: Lookup) -> None:
    """Give lines that name no product the product and SKU that their newest earlier version named."""
    some = [
        item for item in items if isinstance(item.entity, Order | OrderLines) and any(map(_forgot, item.entity.items))
    ]
    if not some:
        return
    rows = earlier(some)
    if not rows:
        return
    before: dict[int, dict[str, OrderItem]] = defaultdict(dict)
    captured = (
        Captured(line.connection_id, some[row.n - 1].provider, line.entity_type, row.payload)
        for row in rows
        for line in (some[row.n - 1].line,)
    )
    for row, entity in zip(rows, to_entities(captured, look), strict=True):
        if isinstance(entity, Order | OrderLines):
            for one in entity.items:
                if not _forgot(one):
                    before[row.n].setdefault(one.external_item_id, one)
    for n, known in before.items():
        item = some[n - 1]
        assert isinstance(item.entity, Order | OrderLines)
        lines = [_recalled(one, known.get(one.external_item_id)) for one in item.entity.items]
        item.entity = msgspec.structs.replace(item.entity, items=lines)


def _forgot(one: OrderItem) -> bool:
    return one.item_type is ItemType.LINE and one.product is None and one.variant is None


def _recalled(one: OrderItem, known: OrderItem | None) -> OrderItem:
    if known is None or not _forgot(one):
        return one
    return msgspec.structs.replace(one, product=known.product, variant=known.variant, sku=one.sku or known.sku)

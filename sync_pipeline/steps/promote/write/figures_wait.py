"""Figures count what is captured, and are renewed by promotions: whose wait for one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from sync_pipeline.db.queries import execute, load
from sync_pipeline.sources.base import parent_fields, types_of
from sync_pipeline.steps.capture.mapped import Captured, mapping_of, to_entities
from sync_pipeline.steps.capture.record_key import RecordKey, key_columns
from sync_pipeline.steps.capture.related import looking

SQL = load("sync_pipeline.steps.promote.write", "figures_wait.sql")


def figures_that_wait(conn: Connection, customers: Sequence[int]) -> set[int]:
    """Customers whose figures are renewed by the promotion of what changed since: orders, refunds, what they follow."""
    if not customers:
        return set()
    types = {
        "orders": types_of("order"),
        "refunds": types_of("refund"),
        "buyers": types_of("customer"),
        "fields": parent_fields("order"),
    }
    waiting: set[int] = set()
    sales: dict[tuple[int, datetime], list[RecordKey]] = defaultdict(list)
    for row in execute(conn, SQL["figures_that_wait"], rows=list(customers), **types):
        if row.waits:
            waiting.add(row.id)
        elif row.external_id and row.at and mapping_of(row.provider, row.entity_type).follows:
            sales[row.id, row.at].append((row.connection_id, row.entity_type, row.external_id))
    return waiting | {customer for (customer, at), keys in sales.items() if _moved(conn, keys, at)}


def _moved(conn: Connection, orders: Sequence[RecordKey], since: datetime) -> bool:
    """True where something that these captured orders follow changed what they count."""
    found = execute(conn, SQL["captured_payloads"], **key_columns(orders)).all()
    payloads = [Captured(one.connection_id, one.provider, one.entity_type, one.payload, one.parent_id) for one in found]
    buyers = types_of("customer")  # who it is does not change what it counts
    now = to_entities(payloads, looking(conn, without=buyers))
    then = to_entities(payloads, looking(conn, without=buyers, as_of=since))
    return any(str(one) != str(two) for one, two in zip(now, then, strict=True))

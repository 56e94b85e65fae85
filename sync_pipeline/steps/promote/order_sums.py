"""The sums of orders whose parts are records of their own: what a plan makes of them is tried, as shared rows are.

An order of Odoo has the sums of its lines, any order has what was refunded of it: so a plan of one line changes the row
of an order that may not be in it. The plan's records of the same orders are promoted together in a transaction that is
rolled back, and each order's sums are told once: on the order where it is in the plan, else on its first line there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection as Transaction
from sqlalchemy.exc import DBAPIError

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.order import TABLE as ORDERS
from sync_pipeline.entities.order_item import TABLE as ITEMS
from sync_pipeline.sources.base import all_sources, types_of
from sync_pipeline.steps.capture.record_key import RecordKey, key_columns, record_key
from sync_pipeline.steps.promote.core_check import NOISE
from sync_pipeline.steps.promote.place.identity import promotion_settings
from sync_pipeline.steps.promote.shared_rows import PATIENCE, TRIED, changes, mapped_lines, promoted
from sync_pipeline.steps.promote.trial import SQL as TRIAL
from sync_pipeline.steps.promote.trial import rows_that_differ, trial
from sync_pipeline.steps.promote.undo import SQL as UNDO
from sync_pipeline.steps.promote.write.refusal import is_transient
from sync_pipeline.steps.select import Effect, Sharing

SQL = load("sync_pipeline.steps.promote", "order_sums.sql")
DIFFERENCE = "metadata.items_difference"
_SUMS = {"subtotal", "discount_total", "shipping_total", "fee_total", "refunded_total", DIFFERENCE}
_FIRST = ("delete", "update", "create")


@dataclass(slots=True)
class Sums:
    """What a record of a plan is the one to tell of the sums of orders.

    `own`: of its row, columns without a prefix; `others`: `sales_orders[id=5].subtotal`. Not `tried`: core was being
    written, or hundreds of records are of an order.
    """

    own: list[Mapping[str, Any]] = field(default_factory=list)
    others: list[Mapping[str, Any]] = field(default_factory=list)
    tried: bool = True


def order_sums(db: Database, org_id: int, plan_id: UUID, keys: Sequence[RecordKey]) -> Mapping[RecordKey, Sums]:
    """What these records of a plan that waits do to the sums of orders; the rest has no entry."""
    kinds = _kinds()
    wanted = {name: kinds[name] for name in ("orders", "parts", "summed")}
    possible = {*kinds["orders"], *kinds["parts"]}
    keys = [key for key in keys if key[1] in possible]
    if not keys:
        return {}
    with db.org(org_id) as conn:
        lines = execute(conn, SQL["lines_of_orders"], plan_id=plan_id, **key_columns(keys), **wanted).all()
    found: dict[RecordKey, Sums] = {}
    for some in _portions(lines):
        asked = {record_key(one) for one in some if one.asked}
        try:
            if len(some) > TRIED:  # core would be held too long
                raise _NotTried
            with trial(db, org_id, patience=PATIENCE) as (conn, queue):
                execute(conn, TRIAL["trial_ids"])
                _try(conn, org_id, queue, some, found)
        except (_NotTried, DBAPIError) as error:
            if isinstance(error, DBAPIError) and not is_transient(error):
                raise
            found |= {key: Sums(tried=False) for key in asked}
    return {key: one for key, one in found.items() if key in set(keys)}


def with_sums(effect: Effect, action: str, sums: Sums) -> Effect:
    """What a record does to core, and what becomes of the sums of orders with it."""
    if not sums.tried:
        return replace(effect, sharing=effect.sharing or Sharing(None, [], tried=False))
    others = sorted(sums.others, key=lambda one: str(one["field"]))
    key = DIFFERENCE.partition(".")[2]
    if action == "create" and effect.fields is not None:
        fields = {**effect.fields, **{one["field"]: one["after"] for one in sums.own if one["field"] != DIFFERENCE}}
        for one in sums.own:
            if one["field"] == DIFFERENCE and one.get("after") is not None:
                fields["metadata"] = {**(fields.get("metadata") or {}), key: one["after"]}
        return replace(effect, fields=fields, core=[*effect.core, *others])
    told = {str(one["field"]): one for one in effect.core if str(one["field"]) not in _SUMS}
    sides = [(told.get("metadata", {}).get(side) or {}).get(key) for side in ("before", "after")]
    told |= {one["field"]: one for one in sums.own if one["field"] != DIFFERENCE or sides[0] == sides[1]}
    return replace(effect, core=[*(told[name] for name in sorted(told)), *others])


class _NotTried(Exception):
    """Too many records are of one order."""


def _kinds() -> dict[str, list[str]]:
    """Entity types: of orders, of records that are parts of some; `summed`, orders whose lines are always records."""
    parts = sorted({one for kind in ITEMS.kinds for one in types_of(kind)})
    summed = sorted(
        provider.name
        for provider in all_sources().values()
        if any(stream.entity == "order_lines" for stream in provider.streams.values())
    )
    return {
        "orders": sorted({one for kind in ORDERS.kinds for one in types_of(kind)}),
        "parts": parts,
        "summed": summed,
    }


def _portions(lines: Sequence[Any]) -> Iterator[list[Any]]:
    """The records in portions that core can be held for; those of one order, or of orders that share some, together."""
    group: dict[str, str] = {}

    def of(order: str) -> str:
        while (up := group.setdefault(order, order)) != order:
            order = up
        return order

    for one in lines:
        first, *rest = one.of_orders
        for other in rest:
            group[of(other)] = of(first)
    together: dict[str, list[Any]] = {}
    for one in lines:
        together.setdefault(of(one.of_orders[0]), []).append(one)
    portion: list[Any] = []
    for some in together.values():
        if portion and len(portion) + len(some) > TRIED:
            yield portion
            portion = []
        portion = [*portion, *some]
    if portion:
        yield portion


def _try(conn: Transaction, org_id: int, queue: str, lines: Sequence[Any], found: dict[RecordKey, Sums]) -> None:
    """Promote these lines, and read what became of the rows of their orders."""
    before = _orders_of(conn, lines)
    items = promoted(conn, promotion_settings(conn, org_id), queue, lines)
    execute(conn, UNDO["stage_undo"], queue=queue)
    differ = [row for row in execute(conn, rows_that_differ(), noise=NOISE) if row.table_name == ORDERS.name]
    mapped = mapped_lines(conn, queue)
    order_of = {
        place.internal_id: item.line.key
        for item in items
        if (place := mapped.get(item.line.line_no)) is not None and place.core_table == ORDERS.name
    }
    after = _orders_of(conn, lines)
    order = {record_key(one): n for n, one in enumerate(sorted(lines, key=_place))}
    for row in differ:
        some = [one for one in changes(None, row) if row.id not in order_of or one["field"] in _SUMS]
        if (key := order_of.get(row.id)) is not None:
            found.setdefault(key, Sums()).own += some
            continue
        parts = {key for side in (before, after) for key, orders in side.items() if row.id in orders}
        if parts:
            called = f"{ORDERS.short}[id={row.id}]"
            told = [{**one, "field": f"{called}.{one['field']}"} for one in some]
            found.setdefault(min(parts, key=lambda key: order[key]), Sums()).others += told


def _place(one: Any) -> tuple[Any, ...]:
    return _FIRST.index(one.action), one.connection_id, one.entity_type, len(one.external_id), one.external_id


def _orders_of(conn: Transaction, lines: Sequence[Any]) -> Mapping[RecordKey, Collection[int]]:
    """The orders' rows that these records are parts of in core."""
    found: dict[RecordKey, set[int]] = {}
    for one in execute(conn, SQL["orders_of_parts"], **key_columns(map(record_key, lines))):
        found.setdefault(record_key(one), set()).add(one.order_id)
    return found

"""Core rows that several records share: what a plan makes of them is tried, since no record says it alone.

Whose values such a row has, the organization's priorities say; a deletion leaves the row to the others; a new record
may join a row that is there. So the plan's records of these rows are promoted in a transaction that is rolled back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection as Transaction
from sqlalchemy.exc import DBAPIError

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.core import stage_of
from sync_pipeline.entities.customer import TABLE as CUSTOMERS
from sync_pipeline.redaction import redact
from sync_pipeline.sources.base import source
from sync_pipeline.steps.approve.shared import matched, with_sharing
from sync_pipeline.steps.capture.record_key import RecordKey, key_columns, record_key
from sync_pipeline.steps.capture.related import looking
from sync_pipeline.steps.promote.core_check import NOISE
from sync_pipeline.steps.promote.core_difference import TRIAL as FIRST_TRIAL_ID
from sync_pipeline.steps.promote.core_difference import without_trial_ids
from sync_pipeline.steps.promote.map.batch import Claimed, WorkItem, prepare
from sync_pipeline.steps.promote.map.earlier import earlier_versions, recall_products
from sync_pipeline.steps.promote.place.identity import PromotionSettings, promotion_settings
from sync_pipeline.steps.promote.queue.queue import stream_of
from sync_pipeline.steps.promote.trial import SQL as TRIAL
from sync_pipeline.steps.promote.trial import rows_that_differ, trial
from sync_pipeline.steps.promote.undo import SQL as UNDO
from sync_pipeline.steps.promote.write.apart import write_apart
from sync_pipeline.steps.promote.write.refusal import is_transient

SQL = load("sync_pipeline.steps.promote", "effects.sql")
PATIENCE = "5s"  # for a promotion's batch, or a comparison, to let go of core
AT_ONCE = 100  # records of a plan that are tried in one transaction
TRIED = 500  # with the others of the same rows; more would hold core for seconds
_NAMED = 10  # of the records that a row is of
_APART = {"id", "metadata"}
# Of customers alone: a product has a `status` of its own.
_COUNTED = {*_APART, *CUSTOMERS.figures, *(f"metadata.{key}" for key in CUSTOMERS.metadata_figures)}


@dataclass(frozen=True, slots=True)
class SharedRow:
    """A core row that a planned record shares with others, or joins.

    `row` names it, `products[id=5]`; None: there is none yet, or it was not tried. `others` are the records that it has
    beside this one afterwards, {connection, entity, external_id}. `changes`: {field, before, after}, a field as
    `products[id=5].price`; None where others were writing core, so that nobody could try. `problem`: why the record
    cannot be promoted. `more`: how many others are not named. `alone`: there
    are none, and core has the record without its SKU, which is another one's, or in a new row, as it leaves one.
    """

    row: str | None
    others: Sequence[Mapping[str, str]]
    changes: Sequence[Mapping[str, Any]] | None
    problem: str | None = None
    more: int = 0
    alone: bool = False


def shared_rows(db: Database, org_id: int, plan_id: UUID, keys: Sequence[RecordKey]) -> Mapping[RecordKey, SharedRow]:
    """What becomes of the rows that these records of a plan that waits share with others; the rest has no entry."""
    found: dict[RecordKey, SharedRow] = {}
    for start in range(0, len(keys), AT_ONCE):
        part = keys[start : start + AT_ONCE]
        with db.org(org_id) as conn:
            statement = with_sharing(SQL["row_sharers"])
            wanted = {**matched(), "of_one_store": True, **key_columns(part)}
            lines = execute(conn, statement, plan_id=plan_id, **wanted).all()
        asked = [record_key(one) for one in lines if one.asked]
        if not asked:
            continue
        if len(lines) > TRIED:  # core would be held too long
            found |= {key: SharedRow(None, (), None) for key in asked}
            continue
        try:
            with trial(db, org_id, patience=PATIENCE) as (conn, queue):
                execute(conn, TRIAL["trial_ids"])
                found |= dict(_tried(conn, promotion_settings(conn, org_id), queue, lines))
        except DBAPIError as error:
            if not is_transient(error):
                raise
            found |= {key: SharedRow(None, (), None) for key in asked}
    return found


def _tried(
    conn: Transaction, org: PromotionSettings, queue: str, lines: Sequence[Any]
) -> Iterator[tuple[RecordKey, SharedRow]]:
    """Promote these lines, and read what became of the rows of those that are asked for."""
    items = promoted(conn, org, queue, lines)
    execute(conn, UNDO["stage_undo"], queue=queue)
    differ = {(row.table_name, row.id): row for row in execute(conn, rows_that_differ(), noise=NOISE)}
    mapped = mapped_lines(conn, queue)
    places = {item.line.key: mapped.get(item.line.line_no) for item in items}
    asked = {record_key(one): (one.core_table, one.internal_id) for one in lines if one.asked}
    sharers = _sharers(conn, {(one.core_table, one.internal_id) for key in asked if (one := places[key]) is not None})
    for item in items:
        key, place = item.line.key, places[item.line.key]
        if key not in asked:
            continue
        problem = redact(item.error) if item.error is not None else None
        if place is None:
            if problem is not None:
                yield key, SharedRow(None, (), (), problem)
            continue
        changed = differ.get((place.core_table, place.internal_id))
        is_new = place.internal_id >= FIRST_TRIAL_ID
        sharing, number = sharers.get((place.core_table, place.internal_id), ({}, 0))
        others = [named for one, named in sharing.items() if one != key]
        row = None if is_new else f"{place.core_table.partition('.')[2]}[id={place.internal_id}]"
        joins = not is_new and asked[key] != (place.core_table, place.internal_id)
        leaves = is_new and asked[key][1] is not None  # the row that it had is another one's
        alone = not others and not joins
        if not alone or leaves or item.sku_set_aside:  # its SKU is another record's: core has it without
            more = max(0, number - len(sharing))
            yield key, SharedRow(row, others[:_NAMED], list(changes(row, changed)), problem, more, alone)


def promoted(conn: Transaction, org: PromotionSettings, queue: str, lines: Sequence[Any]) -> list[WorkItem]:
    """Write them as a worker does, stage by stage, deletions first."""
    stages = [stage_of(stream_of(org.providers[one.connection_id], one.entity_type).entity) for one in lines]
    rows = execute(
        conn,
        SQL["trial_lines"],
        queue=queue,
        **key_columns(map(record_key, lines)),
        actions=[one.action for one in lines],
        hashes=[one.content_hash for one in lines],
        stages=stages,
    ).all()
    read = ((Claimed(*tuple(row)[:6]), row.payload, row.parent_id) for row in rows)
    items = prepare(read, org.providers, org.currency, looking(conn), org.currencies)
    recall_products(items, earlier_versions(conn), looking(conn))
    of_stage = {row.line_no: row.stage for row in rows}
    order = [(stage, gone) for stage in sorted(set(stages)) for gone in (True, False)]
    for stage, gone in order:
        some = [
            item
            for item in items
            if item.error is None and of_stage[item.line.line_no] == stage and (item.line.action == "delete") == gone
        ]
        if some:
            mapped = mapped_lines(conn, queue)
            for item in some:
                item.is_mapped_to(mapped.get(item.line.line_no))
            write_apart(conn, org, queue, some)
    return items


def mapped_lines(conn: Transaction, queue: str) -> Mapping[int, Any]:
    return {row.line_no: row for row in execute(conn, SQL["mapped_lines"], queue=queue)}


def _sharers(
    conn: Transaction, places: Collection[tuple[str, int]]
) -> Mapping[tuple[str, int], tuple[Mapping[RecordKey, Mapping[str, str]], int]]:
    """The first records that rows are of, as people call them, and how many there are."""
    found: dict[tuple[str, int], tuple[dict[RecordKey, Mapping[str, str]], int]] = {}
    tables, rows = [table for table, _ in places], [row for _, row in places]
    for one in execute(conn, SQL["sharers"], tables=tables, rows=rows, most=_NAMED + 1):
        entity = source(one.provider).stream(one.entity_type).name
        named = {"connection": one.connection, "entity": entity, "external_id": one.external_id}
        found.setdefault((one.core_table, one.internal_id), ({}, one.records))[0][record_key(one)] = named
    return found


def changes(called: str | None, row: Any | None) -> Iterator[dict[str, Any]]:
    """The columns in which a row differs, and keys of `metadata`, but for figures of customers, which count orders."""
    if row is None:
        return
    apart = _COUNTED if row.table_name == CUSTOMERS.name else _APART
    sides = {
        side: {**one, **{f"metadata.{key}": value for key, value in (one.get("metadata") or {}).items()}}
        for side, one in (("before", row.before), ("after", row.after))
        if one is not None
    }
    for name in sorted({column for one in sides.values() for column in one} - apart):
        values = {side: without_trial_ids(one.get(name)) for side, one in sides.items()}
        if len(values) == 2:
            differs = values["before"] != values["after"]
        else:
            differs = any(one not in (None, "", [], {}) for one in values.values()) and (
                name != "deleted" or any(values.values())
            )
        if differs:
            yield {"field": f"{called}.{name}" if called else name, **values}

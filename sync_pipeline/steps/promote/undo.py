"""Undo a promotion: core, the mapping and the pending links return to what they were before it, row for row.

Promotion stores the image of each row before it first changes it; undo writes the images back. If a later promotion
wrote the same row, undo is refused. The exception is a row that another record also maps to: it is merged again from
the records that stay.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from sync_pipeline import journal
from sync_pipeline.db.core_sql import for_table
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.core import core_tables, referring, undo_order
from sync_pipeline.entities.customer import TABLE as CUSTOMERS
from sync_pipeline.entities.order import TABLE as ORDERS
from sync_pipeline.errors import Conflict, NotFound
from sync_pipeline.sources.base import source
from sync_pipeline.steps.approve import pause_policies
from sync_pipeline.steps.preview import warn_again
from sync_pipeline.steps.promote.core import ROWS
from sync_pipeline.steps.promote.place.buyers import claim_again, counted_without_promotion, settle_buyers
from sync_pipeline.steps.promote.place.identity import promotion_settings
from sync_pipeline.steps.promote.place.settle import settle_claims, touched_by
from sync_pipeline.steps.promote.queue.followed import check_undone
from sync_pipeline.steps.promote.queue.queue import as_uuid
from sync_pipeline.steps.promote.write import figures_due
from sync_pipeline.steps.promote.write.begin import begin
from sync_pipeline.steps.promote.write.child_rows import sum_refunds
from sync_pipeline.steps.promote.write.figures import derive_apart
from sync_pipeline.steps.promote.write.figures_wait import figures_that_wait
from sync_pipeline.steps.promote.write.merge import follow, recompute
from sync_pipeline.steps.select import withdraw

SQL = load("sync_pipeline.steps.promote", "undo.sql")
# The tables that promotion writes beside core; they refer to rows there.
_OWN = ("promote.integration_mapping", "promote.pending_link")
_WARNED = 10_000  # records that are named at a time; bounds memory


@dataclass(frozen=True, slots=True)
class UndoReport:
    """The result of undoing a promotion."""

    plan_id: UUID
    queue_id: UUID
    rows: Annotated[int, Field(description="Core rows restored to their state before the promotion.")]
    merged: Annotated[int, Field(description="Rows merged again because another record also maps to them.")]
    seconds: float


def undo(db: Database, org_id: int, plan_id: str | UUID, *, actor: str, why: str | None = None) -> UndoReport:
    """Undo a plan's promotion, in one transaction: its records are undecided again. Undoing it twice changes nothing.

    Raises:
        NotFound: no such plan.
        Conflict: it was never applied, it is too old (`keep_undo_days`), or later promotions depend on it; the message
            lists those to undo first.
    """
    began = time.monotonic()
    plan = as_uuid(plan_id, "plan")
    try:
        with db.org(org_id) as conn:
            # Without a queue no row images are logged: undo is not a promotion.
            begin(conn, None)
            queue_id, undone = undoable(conn, plan)
            rows, merged = (0, 0) if undone else _undo(conn, org_id, plan, str(queue_id), actor, why)
    except IntegrityError as error:
        raise Conflict(
            "Rows that were promoted or changed since depend on this promotion; undo those promotions first."
        ) from error
    return UndoReport(UUID(plan), queue_id, rows, merged, round(time.monotonic() - began, 3))


def undoable(conn: Connection, plan: str) -> tuple[UUID, bool]:
    """The queue of a plan that can be undone, and whether it is undone already; the plan stays locked.

    Raises:
        NotFound: no such plan.
        Conflict: it was never applied, or it is too old.
    """
    found = execute(conn, SQL["undoable_queue"], plan=plan).one_or_none()
    if found is None:
        raise NotFound(f"There is no plan {plan}.")
    if found.queue_id is None:
        raise Conflict(f"Plan {plan} was never applied: there is nothing to undo.")
    undone = found.state == "undone"
    if found.undo_ended_at is not None and not undone:
        raise Conflict(
            f"Plan {plan} can no longer be undone: what it changed was kept until "
            f"{found.undo_ended_at:%Y-%m-%d} (SYNC_KEEP_UNDO_DAYS). Nothing was changed."
        )
    return found.queue_id, undone


def _undo(conn: Connection, org_id: int, plan: str, queue: str, actor: str, why: str | None) -> tuple[int, int]:
    blocking = find_blocking(conn, queue)
    if blocking:
        names = ", ".join(f"{one.plan_id or 'an unknown one'} ({one.rows} rows)" for one in blocking)
        raise Conflict(
            f"Later promotions changed or use the same rows. Undo these plans first, in this order: {names}."
        )
    return carry_out(conn, org_id, plan, queue, actor, why)


def find_blocking(conn: Connection, queue: str) -> Sequence[Any]:
    """List what the queue did, and return the later plans that must be undone first: plan_id, rows; newest first."""
    execute(conn, SQL["close_lines"], queue=queue)
    execute(conn, SQL["stage_undo"], queue=queue)
    execute(conn, SQL["index_undo"])
    execute(conn, SQL["analyze_undo"])
    merged = [table.name for table in core_tables().values() if table.match]
    execute(conn, SQL["written_since"], queue=queue, merged=merged)
    for target in merged:
        for one, column in referring(target):
            if one is not ORDERS:  # an order finds another buyer
                statement = SQL["later_rows"] if one.row is None else SQL["later_parts"]
                execute(conn, for_table(statement, one, column), queue=queue, target=target)
    return execute(conn, SQL["blocking"]).all()


def carry_out(conn: Connection, org_id: int, plan: str, queue: str, actor: str, why: str | None) -> tuple[int, int]:
    """Take back what `find_blocking` has listed; returns how many rows went back and how many were merged again."""
    merged_tables = [table for table in core_tables().values() if table.match]
    merging = [table.name for table in merged_tables]
    execute(conn, SQL["mark_shared"])
    execute(conn, SQL["keep_used"], merged=merging)
    # A customer's row follows e-mails and orders, which are settled below.
    by_sku = [table.name for table in merged_tables if table.match == "sku"]
    execute(conn, SQL["stage_left"], merged=by_sku)
    execute(conn, SQL["hand_over"], queue=queue)
    before = execute(conn, SQL["undone_claims"]).all()
    orders = set(execute(conn, SQL["undone_orders"]).scalars())
    rows = int(execute(conn, SQL["take_back"], tables=[*undo_order(), *_OWN]).scalar_one())
    shared: dict[str, set[int]] = defaultdict(set)
    for one in execute(conn, SQL["undone_shared_rows"]):
        shared[one.table_name].add(one.row_id)
    others = execute(conn, SQL["rows_of_others"], merged=by_sku).all()
    abandoned = execute(conn, SQL["abandoned_rows"]).all()
    touched = touched_by(tuple(one) for one in (*before, *execute(conn, SQL["undone_claims"])))
    org = promotion_settings(conn, org_id)
    for table in merged_tables:
        if gone := [one.internal_id for one in abandoned if one.core_table == table.name]:
            execute(conn, for_table(ROWS["delete_rows"], table), queue=None, rows=gone)
    for table in merged_tables:
        outcome = settle_claims(conn, org, None, table, *touched[table.name])
        outcome.recompute |= shared[table.name]
        follow(conn, org, table, outcome, queue=None)
        moved = {one.internal_id for one in others if one.core_table == table.name} - outcome.recompute
        recompute(conn, org, table, moved, queue=None, write="correct_rows")
        shared[table.name] = outcome.recompute
    emails = set(execute(conn, SQL["undone_former_emails"]).scalars())
    for table in core_tables().values():
        if table is CUSTOMERS or CUSTOMERS.name in table.others:
            emails |= touched[table.name][0]
    # What was captured since holds for what is back: a refund, or a customer, who is gone.
    sum_refunds(conn, None, orders)
    emails |= claim_again(conn, [tuple(one) for one in execute(conn, SQL["undone_waiting"])])
    customers = settle_buyers(conn, None, emails, renew=True)
    returned = set(execute(conn, SQL["undone_customers"]).scalars())
    customers |= counted_without_promotion(conn, [tuple(one) for one in execute(conn, SQL["undone_keys"])])
    customers |= figures_due.take(conn, queue)
    customers |= shared[CUSTOMERS.name] | (returned - figures_that_wait(conn, sorted(returned)))
    derive_apart(conn, org, customers, queue=None)
    _show_again(conn, plan)
    execute(conn, SQL["plan_undone"], plan=plan, actor=actor)
    execute(conn, SQL["queue_undone"], queue=queue)
    pause_policies(conn)
    withdraw(
        conn, plan, "undone", actor=actor, why=why
    )  # decisions are locked after policies, as by who applies a plan
    merged = sum(map(len, shared.values()))
    journal.record(conn, "promote.undone", actor=actor, plan=plan, queue=queue, rows=rows, merged=merged, why=why)
    return rows, merged


def _show_again(conn: Connection, plan: str) -> None:
    """The preview shows what differs again, with the warnings that a comparison gives."""
    execute(conn, SQL["show_again"], plan=plan)
    execute(conn, SQL["show_no_longer"], plan=plan)
    check_undone(conn, plan)
    for kind in execute(conn, SQL["shown_kinds"], plan=plan).all():
        here = {"plan": plan, "connection_id": kind.connection_id, "entity_type": kind.entity_type}
        stream, after = source(kind.provider).stream(kind.entity_type), ""
        while ids := execute(conn, SQL["shown_again"], **here, after=after, limit=_WARNED).scalars().all():
            warn_again(conn, kind.connection_id, stream, ids, provider=kind.provider)
            after = ids[-1]

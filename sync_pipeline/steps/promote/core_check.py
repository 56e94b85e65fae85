"""Compare core with what it should be: write every promoted version once more, in transactions that are rolled back.

Core is a function of the promoted versions, the policies and the captured orders (docs/mapping.md). So writing any
record again must change nothing. A batch is one short transaction, so promotions go on meanwhile and nothing is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from sync_pipeline.db.core_sql import for_table
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.core import core_tables, stage_of
from sync_pipeline.entities.customer import TABLE as CUSTOMERS
from sync_pipeline.redaction import redact
from sync_pipeline.steps.capture.mapped import mapper_of, mapping_of
from sync_pipeline.steps.capture.record_key import RecordKey, key_columns
from sync_pipeline.steps.capture.related import looking
from sync_pipeline.steps.connect import Organization, connections
from sync_pipeline.steps.promote.core_difference import Difference, changes_of, fields, named
from sync_pipeline.steps.promote.map.batch import Claimed, prepare
from sync_pipeline.steps.promote.map.earlier import earlier_versions, recall_products
from sync_pipeline.steps.promote.place.identity import PromotionSettings, promotion_settings
from sync_pipeline.steps.promote.queue.queue import stream_of
from sync_pipeline.steps.promote.trial import SQL as TRIAL
from sync_pipeline.steps.promote.trial import rows_that_differ, trial
from sync_pipeline.steps.promote.write import figures_due
from sync_pipeline.steps.promote.write.apart import write_apart
from sync_pipeline.steps.promote.write.figures import derive_apart
from sync_pipeline.steps.promote.write.figures_wait import figures_that_wait
from sync_pipeline.steps.select import Plan, make_filled_plan

SQL = load("sync_pipeline.steps.promote", "core_check.sql")
UNDO = load("sync_pipeline.steps.promote", "undo.sql")
_BATCH = 1000  # records written at a time, and rolled back
MOST = 1000  # differences that a report lists
_PARTS = {table.name: table for table in core_tables().values() if table.row is not None}
_FIGURES = {*CUSTOMERS.figures, *(f"metadata.{key}" for key in CUSTOMERS.metadata_figures)}
NOISE = ["org_id", "created_at", "updated_at", "queue_id", "deleted_at", "sku_key", "email_key"]


@dataclass(slots=True)
class CoreCheck:
    """What comparing core found: `records` compared, the differences (at most 1,000 are listed), what was left out.

    `behind` are the records to promote again so that core is right. `older` were mapped by an older mapper and are
    compared when they are mapped again. `compared` and `left_out` are the two by connection and entity type.
    """

    records: int = 0
    older: int = 0
    compared: Counter[tuple[int, str]] = field(default_factory=Counter)
    left_out: Counter[tuple[int, str]] = field(default_factory=Counter)
    count: int = 0
    differences: list[Difference] = field(default_factory=list)
    behind: set[RecordKey] = field(default_factory=set)

    @property
    def ok(self) -> bool:
        """True where nothing differs."""
        return not self.count


def check_core(
    db: Database, org: Organization, *, size: int = _BATCH, progress: Callable[[int], None] | None = None
) -> CoreCheck:
    """Compare all of an organization's core; `progress` is told how many records are compared.

    Raises:
        DatabaseUnavailable: the server is gone.
    """
    return _Check(db, org, size, progress).run()


class _Check:
    def __init__(self, db: Database, org: Organization, size: int, progress: Callable[[int], None] | None) -> None:
        self.db, self.org_id, self.size, self.progress = db, org.org_id, size, progress
        self.connections = {one.connection_id: one for one in connections(db, org)}
        self.found = CoreCheck()
        self.seen: set[tuple[str, str, str]] = set()
        self.customers: set[int] = set()  # whose figures the records change
        with db.org(org.org_id) as conn:
            self.org: PromotionSettings = replace(promotion_settings(conn, org.org_id), decides=False)

    def run(self) -> CoreCheck:
        with self.db.org(self.org_id) as conn:
            types = execute(conn, SQL["mapped_types"]).all()
        for one in sorted(types, key=lambda one: (stage_of(stream_of(one.provider, one.entity_type).entity), *one)):
            mapper = mapper_of(one.provider, one.entity_type)
            where = {"connection_id": one.connection_id, "entity_type": one.entity_type, "mapper": mapper}
            with self.db.org(self.org_id) as conn:
                older = int(execute(conn, SQL["older_mapped"], **where).scalar_one())
            self.found.older += older
            self.found.left_out[one.connection_id, one.entity_type] = older
            after: str | None = ""
            while after is not None:
                after = self._batch(where, after)
        self._figures()
        self._parts()
        self._rows_of_nobody()
        return self.found

    @contextmanager
    def _transaction(self) -> Iterator[tuple[Connection, str]]:
        with trial(self.db, self.org_id) as (conn, queue):
            execute(conn, TRIAL["trial_ids"])
            yield conn, queue

    def _batch(self, where: dict[str, Any], after: str) -> str | None:
        """Compare the next records; returns the last one's id, None after the end."""
        with self._transaction() as (conn, queue):
            execute(conn, SQL["lines_again"], queue=queue, after=after, size=self.size, **where)
            rows = execute(conn, SQL["versions_again"], queue=queue).all()
            if rows:
                self._compare(conn, queue, rows)
        if not rows:
            return None
        self.found.records += len(rows)
        self.found.compared[where["connection_id"], where["entity_type"]] += len(rows)
        if self.progress is not None:
            self.progress(self.found.records)
        return str(rows[-1].external_id)

    def _compare(self, conn: Connection, queue: str, rows: Sequence[Any]) -> None:
        lines = ((Claimed(*tuple(row)[:6]), row.payload, row.parent_id) for row in rows)
        items = prepare(lines, self.org.providers, self.org.currency, looking(conn), self.org.currencies)
        recall_products(items, earlier_versions(conn), looking(conn))
        for item, row in zip(items, rows, strict=True):
            item.is_mapped_to(row)
        # What they follow changed since they were promoted: that is a difference of the preview.
        follow = {
            item.line.key
            for item, row in zip(items, rows, strict=True)
            if row.entity_hash is not None and item.entity_hash not in (None, row.entity_hash)
        }
        write_apart(conn, self.org, queue, [i for i in items if i.error is None and i.line.key not in follow])
        for item, row in zip(items, rows, strict=True):
            if item.error is not None:
                self._add(Difference(row.core_table, row.internal_id, "", None, redact(item.error)), [item.line.key])
        self.customers |= figures_due.take(conn, queue)
        for row, some in self._different(conn, queue):
            behind = self._behind(conn, row)
            kept = self._as_promoted(behind)
            for one in some:
                if one.field not in kept and not _is_figure(one):
                    self._add(named(one, row, behind, self.connections), behind)

    def _figures(self) -> None:
        """Compare figures: they count all captured orders of a customer, so each customer's are computed once."""
        ordered = sorted(self.customers)
        for start in range(0, len(ordered), self.size):
            with self._transaction() as (conn, queue):
                refused = derive_apart(conn, self.org, ordered[start : start + self.size], queue=queue)
                different = self._different(conn, queue)
                waiting = figures_that_wait(conn, [*refused, *(row.id for row, _ in different)])
                for number in refused.keys() - waiting:
                    behind = execute(conn, SQL["records_behind"], table=CUSTOMERS.name, ids=[number])
                    one = Difference(CUSTOMERS.name, number, "", None, redact(refused[number]))
                    self._add(one, [(row.connection_id, row.entity_type, row.external_id) for row in behind])
                for row, some in different:
                    for one in some if row.id not in waiting else ():
                        if _is_figure(one):
                            records = self._behind(conn, row)
                            self._add(named(one, row, records, self.connections), records)

    def _different(self, conn: Connection, queue: str) -> Sequence[tuple[Any, Sequence[Difference]]]:
        """The rows that the transaction changed, with the fields in which they are not what they were."""
        execute(conn, UNDO["stage_undo"], queue=queue)
        return [(row, list(fields(row))) for row in execute(conn, rows_that_differ(), noise=NOISE).all()]

    def _as_promoted(self, records: Iterable[RecordKey]) -> set[str]:
        """The columns that keep what followed records said when these were promoted."""
        kinds = {(self.org.providers[connection], kind) for connection, kind, _ in records}
        return {column for kind in kinds for column in mapping_of(*kind).as_promoted}

    def _behind(self, conn: Connection, row: Any) -> list[RecordKey]:
        """The records that a row comes from."""
        there = row.before or row.after
        if row.table_name == "promote.integration_mapping" or row.table_name in _PARTS:
            return [(there["connection_id"], there["entity_type"], there["external_id"])]
        table, number = row.table_name, row.id
        if table == "promote.pending_link":
            table, number = there["from_table"], there["from_id"]
        elif table not in core_tables():  # a pair: its first row has it
            table = next(one.name for one in core_tables().values() for _, two in one.pairs if two.name == table)
        found = execute(conn, SQL["records_behind"], table=table, ids=[number])
        return [(one.connection_id, one.entity_type, one.external_id) for one in found]

    def _parts(self) -> None:
        """Parts of records that are not in core."""
        for table in _PARTS.values():
            with self.db.org(self.org_id) as conn:
                for row in execute(conn, for_table(SQL["stray_parts"], table), most=MOST):
                    key = (row.connection_id, row.entity_type, row.external_id)
                    self._add(Difference(table.name, row.id, "", True, None), [key])

    def _rows_of_nobody(self) -> None:
        """Rows without a record that are not deleted. No plan mends them: no record is behind them."""
        for table in core_tables().values():
            if table.match is not None:
                with self.db.org(self.org_id) as conn:
                    for row in execute(conn, for_table(SQL["rows_of_nobody"], table), most=MOST):
                        self._add(Difference(table.name, row.id, "deleted", False, True), ())

    def _add(self, one: Difference, behind: Iterable[RecordKey]) -> None:
        if (one.table, one.row, one.field) in self.seen:
            return
        self.seen.add((one.table, one.row, one.field))
        self.found.count += 1
        keys = list(behind)
        self.found.behind.update(keys)
        if len(self.found.differences) < MOST:
            self.found.differences.append(replace(one, behind=tuple(keys)))


def _is_figure(one: Difference) -> bool:
    return one.table == CUSTOMERS.name and one.field in _FIGURES


def make_repair_plan(db: Database, org: Organization, found: CoreCheck, *, actor: str) -> Plan | None:
    """Plan the records behind what differs, in the versions that core has; None if there are none. Its items say what
    each changes in core.

    Raises:
        DatabaseUnavailable: the server is gone.
    """
    keys = sorted(found.behind)

    def fill(conn: Connection, plan_id: UUID) -> int:
        changes = changes_of(found.differences, keys)
        return execute(conn, SQL["fill_repair_plan"], plan_id=plan_id, **key_columns(keys), fields=changes).rowcount

    return make_filled_plan(db, org, fill, origin="repair", actor=actor)

"""The worker: claims lines in batches, maps a batch while the database writes the one before, and finishes them.

Safe to kill at any moment and to run many times at once: a batch is one transaction, lines are held under a lease,
and a line that is no longer this worker's when its batch is written is left out.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from sync_pipeline.db import statistics
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.entities.core import undo_order
from sync_pipeline.exact_json import to_json
from sync_pipeline.redaction import redact
from sync_pipeline.steps.approve.followed import Kind, stale_lines
from sync_pipeline.steps.capture.gc_tuning import gc_tuning
from sync_pipeline.steps.capture.related import CapturedLookup
from sync_pipeline.steps.promote.gate_block import settle_conflicts, stop_held
from sync_pipeline.steps.promote.map.batch import Claimed, WorkItem, prepare
from sync_pipeline.steps.promote.map.earlier import earlier_versions, recall_products
from sync_pipeline.steps.promote.place.identity import PromotionSettings, promotion_settings
from sync_pipeline.steps.promote.queue.queue import SQL, QueueStatus, status
from sync_pipeline.steps.promote.write import figures_due
from sync_pipeline.steps.promote.write.apart import write_apart
from sync_pipeline.steps.promote.write.begin import begin
from sync_pipeline.steps.promote.write.deletion_changes import settle_deletion_changes
from sync_pipeline.steps.promote.write.refusal import is_transient, reason

ATTEMPTS = 3
LEASE_SECONDS = 20.0
_MAX_BATCH = 5000
_QUICK_SECONDS = 1.0  # a batch that takes less may double
_SLOW_SECONDS = 4.0  # one that takes more is halved, so that the lease, a cancel and the counts keep up
_BACK_OFF_SECONDS = 0.5
_POLL_SECONDS = 0.2
# What a long queue fills, and looks into all the time.
FILLED = (
    *undo_order(), "promote.integration_mapping", "promote.sync_queue_line", "selection.sync_plan_item",
)  # fmt: skip


def work(
    db: Database,
    org_id: int,
    queue_id: str,
    *,
    progress: Callable[[QueueStatus], None] | None = None,
) -> QueueStatus:
    """Work on the queue until no line is open; several may. `progress` is called after each batch.

    Raises:
        DatabaseUnavailable: the server is gone. Committed batches stay; the other lines are claimed again when their
        lease ends.
    """
    return _Worker(db, org_id, str(queue_id), progress).run()


@dataclass(frozen=True, slots=True)
class _Batch:
    """Lines claimed together; their `worker` holds the claim's id."""

    claim: str
    items: list[WorkItem]

    @property
    def range(self) -> dict[str, int]:
        return {"low": self.items[0].line.line_no, "high": self.items[-1].line.line_no}


class _Worker:
    def __init__(self, db: Database, org_id: int, queue: str, progress: Callable[[QueueStatus], None] | None) -> None:
        self.db, self.org_id, self.queue, self.progress = db, org_id, queue, progress
        self.claims: set[str] = set()
        self.first_open = 0  # no earlier line is open, unless one was reopened
        self.filled = statistics.ENOUGH  # lines written since statistics were looked at; the plan itself may be long
        with db.org(org_id) as conn:
            begun = execute(conn, SQL["begin"], queue=queue).one()
            self.org: PromotionSettings = promotion_settings(conn, org_id)
        self.plan = str(begun.plan_id)
        self.size = int(begun.batch_size)
        self.delay = begun.batch_delay_ms / 1000
        self.look = CapturedLookup(lambda: self.db.org(self.org_id))
        self.stopped = threading.Event()

    def run(self) -> QueueStatus:
        settle_deletion_changes(self.db, self.org)
        figures_due.settle_left(self.db, self.org)
        heart = threading.Thread(target=self._beat, name="promote-heartbeat", daemon=True)
        heart.start()
        try:
            with gc_tuning(), ThreadPoolExecutor(1, thread_name_prefix="promote-map") as pool:
                self._loop(pool)
            # The last lines computed them, unless somebody cancelled or gave up those.
            figures_due.settle(self.db, self.org, self.queue, write_as=self.queue)
            with self.db.org(self.org_id) as conn:
                execute(conn, SQL["settle_queue"], queue=self.queue)
        finally:
            self.stopped.set()
            heart.join()
            self._release()
        return status(self.db, self.org_id, self.queue)

    def _loop(self, pool: ThreadPoolExecutor) -> None:
        ahead: Future[_Batch | None] | None = None
        while True:
            # The next batch was fetched during the last write, except at the start of a stage.
            batch = ahead.result() if ahead is not None else self._fetch()
            ahead = None
            if batch is None:
                if not status(self.db, self.org_id, self.queue).open:
                    return
                self._give_up()
                time.sleep(_POLL_SECONDS)  # others hold the open lines, or they wait for their back-off
                continue
            ahead = pool.submit(self._fetch)
            try:
                seconds = self._write(batch)
            except BaseException:
                ahead.exception()  # let it end, so that its claim is released
                raise
            self.filled += len(batch.items)
            if seconds < _QUICK_SECONDS and len(batch.items) >= self.size:
                self.size = min(self.size * 2, _MAX_BATCH)
            elif seconds > _SLOW_SECONDS:
                self.size = max(self.size // 2, 1)
            if self.progress is not None:
                self.progress(status(self.db, self.org_id, self.queue))
            if self.delay:
                time.sleep(self.delay)
            if ahead.result() is None:
                ahead = None  # the stage's last batch was being written; now the next may begin

    def _give_up(self) -> None:
        with self.db.org(self.org_id) as conn:
            execute(conn, SQL["give_up"], queue=self.queue, attempts=ATTEMPTS)

    def _fetch(self) -> _Batch | None:
        """Claim a batch with its payloads and map them."""
        if self.filled >= statistics.ENOUGH:  # beside the write of the batch before
            self.filled = 0
            statistics.refresh(self.db, self.org_id, FILLED)
        claim = str(uuid4())
        with self.db.org(self.org_id, async_commit=True) as conn:
            self.claims.add(claim)
            rows = self._claim(conn, claim)
            if not rows and self.first_open:
                self.first_open = 0
                rows = self._claim(conn, claim)
        if not rows:
            self.claims.discard(claim)
            return None
        self.first_open = rows[0].first_open
        items = prepare(
            ((Claimed(*tuple(row)[:-3]), row.payload, row.parent_id) for row in rows),
            self.org.providers,
            self.org.currency,
            self.look,
            self.org.currencies,
        )
        recall_products(items, self._earlier, self.look)
        return _Batch(claim, items)

    def _earlier(self, items: Sequence[WorkItem]) -> Sequence[Any]:
        with self.db.org(self.org_id) as conn:
            return earlier_versions(conn)(items)

    def _claim(self, conn: Connection, claim: str) -> Sequence[Any]:
        asked = {"after": self.first_open, "size": self.size, "lease": LEASE_SECONDS, "attempts": ATTEMPTS}
        return execute(conn, SQL["claim"], queue=self.queue, claim=claim, **asked).all()

    def _write(self, batch: _Batch) -> float:
        """Write a batch; returns the seconds it took. A transient error puts the batch back."""
        began = time.monotonic()
        try:
            while not self._written(batch):
                figures_due.settle(self.db, self.org, self.queue, write_as=self.queue)
        except DBAPIError as error:
            if not is_transient(error):
                raise
            with self.db.org(self.org_id) as conn:
                execute(
                    conn,
                    SQL["put_back"],
                    queue=self.queue,
                    claim=batch.claim,
                    attempts=ATTEMPTS,
                    base=_BACK_OFF_SECONDS,
                    reason=reason(error),
                )
        self.claims.discard(batch.claim)
        return time.monotonic() - began

    def _written(self, batch: _Batch) -> bool:
        """Write a batch in one transaction. False: nothing was written, since it would end the queue, and too many
        figures are due for one transaction.
        """
        where = {"queue": self.queue, "claim": batch.claim, **batch.range}
        with self.db.org(self.org_id, async_commit=True) as conn:
            begin(conn, self.queue)
            if figures_due.are_too_many(conn, self.queue, len(batch.items)):
                return False
            held = execute(conn, SQL["hold"], size=len(batch.items), **where).scalar_one()
            mine = batch.items if held is None else [item for item in batch.items if item.line.line_no in held]
            known = self._known(conn, where)
            self._stop_moved(conn, mine, known)
            stop_held(conn, self.queue, mine)
            sound = [item for item in mine if item.error is None]
            gone = [item for item in sound if item.line.action == "delete"]
            others = [item for item in sound if item.line.action != "delete"]
            self._promote(conn, gone, known)
            if gone and others:  # a SKU that is free now takes some to other rows, in the versions that core has
                known = self._known(conn, where)
            self._promote(conn, others, known)
            settle_conflicts(conn, mine)
            self._finish(conn, mine, where)
            figures_due.settle_at_end(conn, self.org, self.queue)
        return True

    def _stop_moved(self, conn: Connection, items: Sequence[WorkItem], known: Mapping[int, Any]) -> None:
        """Fail what was decided otherwise, or promoted by another plan, since this one was checked."""
        lines = [number for number, row in known.items() if row.moved]
        moved = self._followed(conn, items)
        if lines:
            found = execute(conn, SQL["moved_lines"], plan=self.plan, queue=self.queue, lines=lines)
            moved |= {row.line_no: row.moved for row in found}
        for item in items if moved else ():
            if item.line.line_no in moved:
                item.error = f"Since the plan was made {moved[item.line.line_no]}. Make a new plan."

    def _followed(self, conn: Connection, items: Sequence[WorkItem]) -> dict[int, str]:
        """Lines of records of which something changed that they follow; nothing of it is in core yet."""
        lines: dict[Kind, dict[str, int]] = defaultdict(dict)
        for item in items:
            if item.entity_hash is not None:
                one = item.line
                lines[one.connection_id, item.provider, one.entity_type][one.external_id] = one.line_no
        if not lines:
            return {}
        found = stale_lines(conn, self.plan, lines)
        return {lines[kind][external_id]: moved for (kind, external_id), moved in found.items()}

    def _known(self, conn: Connection, where: Mapping[str, Any]) -> dict[int, Any]:
        """The mappings of the batch's records, by line, and whether something moved since the plan was made."""
        return {row.line_no: row for row in execute(conn, SQL["known"], plan=self.plan, **where)}

    def _promote(self, conn: Connection, items: Sequence[WorkItem], known: Mapping[int, Any]) -> None:
        for item in items:
            item.is_mapped_to(known.get(item.line.line_no))
        write_apart(conn, self.org, self.queue, items)

    def _finish(self, conn: Connection, items: Sequence[WorkItem], where: Mapping[str, Any]) -> None:
        loud = [item for item in items if item.error is not None or item.warnings]
        if loud:
            execute(
                conn,
                SQL["finish_with_words"],
                queue=self.queue,
                lines=[item.line.line_no for item in loud],
                states=["done" if item.error is None else "failed" for item in loud],
                reasons=[None if item.error is None else redact(item.error) for item in loud],
                warnings=[to_json(item.warnings) if item.warnings else None for item in loud],
            )
        execute(conn, SQL["finish"], **where)

    def _beat(self) -> None:
        while not self.stopped.wait(LEASE_SECONDS / 4):
            try:
                with self.db.org(self.org_id) as conn:
                    execute(
                        conn,
                        SQL["heartbeat"],
                        queue=self.queue,
                        claims=list(self.claims),
                        after=self.first_open,
                        lease=LEASE_SECONDS,
                    )
            except Exception:  # noqa: BLE001, S112 - the lease outlives a missed beat; the worker reports the cause
                continue

    def _release(self) -> None:
        """Release lines claimed but not written, so that no worker waits for the lease to expire."""
        try:
            with self.db.org(self.org_id) as conn:
                execute(conn, SQL["release"], queue=self.queue, claims=list(self.claims))
        except Exception:  # noqa: BLE001, S110 - the lease expires anyway
            pass

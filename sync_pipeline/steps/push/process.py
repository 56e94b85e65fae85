"""Process waiting webhook deliveries of a stream, in one capture run."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sync_pipeline import journal
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import Busy
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.capture import CaptureSession, PullReport
from sync_pipeline.steps.capture.run.context import Opened
from sync_pipeline.steps.capture.write.pages import Run
from sync_pipeline.steps.push.resolve import DeliveryBatch, Tally
from sync_pipeline.steps.push.service import SQL

_AT_ONCE = 500
_LOGGED = 1000  # deliveries that the log of a run names


def process_deliveries(session: CaptureSession, stream: Stream) -> PullReport:
    """Process every waiting delivery of this stream, including those that arrive meanwhile.

    If the process is killed, the unfinished rows wait for the next call.

    Raises:
        Busy: the stream is being pulled; its deliveries wait until the pull ends.
    """
    began = time.monotonic()
    before = session.client.usage
    here: dict[str, Any] = {"connection_id": session.connection.connection_id, "entity_type": stream.entity_type}
    tally = Tally()
    reason: str | None = None
    with _alone(session, stream, here):
        with session.db.org(session.connection.org_id) as conn:
            execute(conn, SQL["fail_killed_deliveries"], **here)
            run_id = int(execute(conn, SQL["open_pushed_run"], **here, mode="webhook").scalar_one())
            journal.open_log(conn, kind="webhook", run_id=run_id, **here)
        run = session.run(stream, Opened(run_id, "webhook", datetime.now(UTC), None, False, False))
        while True:
            with run.transaction() as conn:
                rows = execute(conn, SQL["next_deliveries"], **here, limit=_AT_ONCE).all()
            if not rows:
                break
            reason = DeliveryBatch(run, tally).process(rows) or reason
        used = session.client.usage - before
        counts: dict[str, Any] = {
            "captured": tally.captured - len(run.progress.quarantined),
            "quarantined": len(run.progress.quarantined),
            "vanished": tally.vanished,
            "new": tally.new,
            "changed": tally.changed,
            "unchanged": tally.unchanged,
            "deleted": tally.deleted,
            "requests": used.requests,
            "bytes": used.bytes,
            "seconds": time.monotonic() - began,
            "error": _waits(tally.postponed, reason) if tally.postponed else None,
        }
        _close(session, run, here, counts, tally)
    return PullReport(
        connection=session.connection.name,
        entity=stream.name,
        mode="webhook",
        state="failed" if tally.postponed else "closed",
        expected=tally.captured + tally.vanished,
        run_id=run_id,
        quarantine=tuple(run.progress.quarantined),
        **counts,
    )


def _waits(deliveries: int, reason: str | None) -> str:
    said = "1 delivery waits" if deliveries == 1 else f"{deliveries} deliveries wait"
    return f"{said} for the store and will be tried again: {reason}"


def _close(session: CaptureSession, run: Run, here: dict[str, Any], counts: dict[str, Any], tally: Tally) -> None:
    failed = counts["error"] is not None
    with run.transaction() as conn:
        execute(conn, SQL["close_pushed_run"], run_id=run.run_id, state="failed" if failed else "closed", **counts)
        journal.close_log(
            conn,
            run.run_id,
            records=counts["new"] + counts["changed"] + counts["deleted"],
            skipped=counts["quarantined"],
            error=counts["error"],
        )
        execute(conn, SQL["log_deliveries"], run_id=run.run_id, deliveries=json.dumps(tally.deliveries[:_LOGGED]))
        execute(conn, SQL["delete_old_deliveries"], connection_id=here["connection_id"])
        if not failed:
            execute(conn, SQL["set_last_sync"], connection_id=here["connection_id"])
        journal.record(
            conn,
            "webhook.taken",
            actor=session.actor,
            **here,
            run=run.run_id,
            **{name: counts[name] for name in ("new", "changed", "unchanged", "deleted", "error")},
        )


@contextmanager
def _alone(session: CaptureSession, stream: Stream, here: dict[str, Any]) -> Iterator[None]:
    """Hold the entity's lock. If a pull holds it, delay the deliveries: the pull reads most of them."""
    try:
        with session.alone(stream):
            yield
    except Busy:
        with session.db.org(session.connection.org_id) as conn:
            execute(conn, SQL["delay_deliveries"], **here)
        raise

"""Open a run, or take a killed one up again; close it when every expected id is accounted for."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psycopg import sql

from sync_pipeline import journal
from sync_pipeline.db.engine import driver
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import SourceError
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.capture.coverage import Coverage
from sync_pipeline.steps.capture.deletion import Suspect, Verdict, judge
from sync_pipeline.steps.capture.pii import hash_text
from sync_pipeline.steps.capture.records import SQL
from sync_pipeline.steps.capture.run import Run

if TYPE_CHECKING:
    from sync_pipeline.steps.capture.service import CaptureSession, PullReport


_ANALYZE_FROM = 1000  # records written; autovacuum sees to less in its own time
_ANALYZED = sql.SQL(", ").join(
    map(sql.Identifier, ("org_id", "connection_id", "entity_type", "external_id", "parent_id", "code_key", "email"))
)


@dataclass
class Opened:
    """A run as it begins: where it starts from, and what an earlier, killed life of it has committed."""

    run_id: int
    mode: str
    started_at: datetime
    watermark: datetime | None
    sweeps: bool
    capped: bool
    clock: datetime | None = None
    pages: Mapping[tuple[str, str], tuple[Coverage, int]] = field(default_factory=dict)
    unfetched: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    requests_before: int = 0
    bytes_before: int = 0

    def coverage(self, kind: str, walk: str) -> tuple[Coverage, int]:
        """The id ranges of this list that are committed, and how many rows lie before the first gap."""
        return self.pages.get((kind, walk), (Coverage(), 0))


def open_run(
    session: CaptureSession, stream: Stream, *, full: bool, do_sweep: bool | None, max_pages: int | None
) -> Opened:
    """The ledger row of this pull. The caller holds the entity's lock."""
    keys: dict[str, Any] = {"connection_id": session.connection.connection_id, "entity_type": stream.entity_type}
    with session.db.org(session.connection.org_id) as conn:
        cursor = execute(conn, SQL["cursor"], **keys).one_or_none()
        watermark = cursor.watermark if cursor else None
        wanted = "preview" if max_pages is not None else ("full" if full or watermark is None else "delta")
        sweeps = wanted == "full"
        if wanted == "delta":
            since = cursor.swept_at if cursor else None
            done = int(execute(conn, SQL["deltas_since_sweep"], **keys, swept_at=since).scalar_one())
            due = done + 1 >= session.common.sweep_every
            sweeps = due if do_sweep is None else do_sweep
        unfinished = execute(conn, SQL["unfinished_run"], **keys).one_or_none() if wanted != "preview" else None
        if unfinished is not None and (unfinished.mode == wanted or unfinished.mode == "full"):
            run_id = unfinished.run_id
            execute(conn, SQL["resume_run"], run_id=run_id, orchestrator_run=session.orchestrator_run)
            opened = Opened(
                run_id,
                unfinished.mode,
                unfinished.started_at,
                unfinished.window_from,
                True if unfinished.mode == "full" else sweeps,
                False,
                clock=unfinished.window_to,
                pages=_committed(conn, run_id),
                unfetched=[row.id for row in execute(conn, SQL["unfetched"], run_id=run_id)],
            )
        else:
            run_id = int(
                execute(
                    conn,
                    SQL["open_run"],
                    **keys,
                    mode=wanted,
                    window_from=watermark if wanted == "delta" else None,
                    orchestrator_run=session.orchestrator_run,
                ).scalar_one()
            )
            opened = Opened(run_id, wanted, datetime.now(UTC), watermark, sweeps, max_pages is not None)
            journal.open_log(conn, kind="pull", run_id=run_id, **keys)
        execute(conn, SQL["abandon_runs"], **keys, run_id=run_id)
    http = getattr(session.client, "http", None)
    opened.requests_before = getattr(http, "requests", 0)
    opened.bytes_before = getattr(http, "received", 0)
    return opened


def _committed(conn: Any, run_id: int) -> dict[tuple[str, str], tuple[Coverage, int]]:
    pages: dict[tuple[str, str], tuple[Coverage, int]] = {}
    for row in execute(conn, SQL["pages"], run_id=run_id):
        coverage, rows = pages.get((row.kind, row.walk), (Coverage(), 0))
        coverage.add(row.low, row.high)
        first = coverage.ranges()[0]
        inside = first[0] == 0 and row.low <= first[1]
        pages[row.kind, row.walk] = coverage, rows + (row.size - 1 if inside else 0)
    return pages


def close(session: CaptureSession, run: Run, opened: Opened, *, complete: bool, note: str | None = None) -> PullReport:
    """Account for every id, judge what is missing, move the watermark: the last two in one transaction.

    A run whose ids do not add up fails, and its watermark stays.
    """
    verdict = Verdict()
    cut = opened.capped and not complete  # a look whose pages sufficed saw everything
    complete = complete and not opened.capped and note is None
    with run.transaction() as conn:
        _stage_seen(conn, run, complete)
        suspects = execute(
            conn, SQL["suspects" if complete else "vanished"], **run.keys, started_at=run.started_at
        ).all()
        counted = suspects and execute(conn, SQL["present_count"], **run.keys, started_at=run.started_at).scalar_one()
        known = int(counted or 0)
    if complete or suspects:
        verdict = judge(
            run,
            session.pool,
            [Suspect(row.external_id, row.parent_id, row.deletion_state, row.kept) for row in suspects],
            known,
            share=session.common.deletion_gate_share,
            actor=session.actor,
        )
    clock = opened.clock or run.clock or run.started_at
    with run.transaction() as conn:
        unfetched = execute(conn, SQL["unfetched"], run_id=run.run_id).all()
        _stage_seen(conn, run, complete)
        balance = execute(conn, SQL["balance"], **run.keys).one()
        quarantine = [row.external_id for row in execute(conn, SQL["open_quarantine"], **run.keys)]
        accounted = balance.captured + balance.quarantined + balance.vanished
        error = None
        if accounted != balance.expected or unfetched:
            error = f"{balance.expected - accounted} listed records are not accounted for, {len(unfetched)} not fetched"
        if error is None and not opened.capped and note is None:
            execute(
                conn,
                SQL["advance"],
                **run.keys,
                watermark=clock,
                was_full=run.mode == "full",
                was_swept=complete,
                started_at=run.started_at,
            )
        report = _finish(session, run, opened, conn, verdict, balance, quarantine, cut=cut, error=error, note=note)
        if error is None:
            if complete and run.mode == "full":
                execute(conn, SQL["resolve_older"], **run.keys)
            execute(conn, SQL["forget_pages"], **run.keys)
            execute(conn, SQL["touch_connection"], **run.keys)
    if report.new + report.changed >= _ANALYZE_FROM:
        with run.transaction() as conn:
            table = sql.Identifier("capture", f"{session.connection.provider}_sync")
            driver(conn).execute(sql.SQL("ANALYZE (SKIP_LOCKED) {} ({})").format(table, _ANALYZED))
    return report


def _stage_seen(conn: Any, run: Run, complete: bool) -> None:
    """The ids of the run's pages. A few of very many are looked up by the index, all of them are hashed."""
    if complete:
        execute(conn, SQL["set_based"])
    execute(conn, SQL["stage_seen"], run_id=run.run_id)
    execute(conn, SQL["analyze_seen"])


def fail(session: CaptureSession, run: Run, opened: Opened, error: SourceError) -> PullReport:
    """Leave the run unclosed: what is committed stays, the watermark does not move, the next run goes on here."""
    said = hash_text(str(error)) if run.hashes_emails else str(error)  # the store's own words may name a person
    with run.transaction() as conn:
        _stage_seen(conn, run, complete=False)
        if run.clock is not None:
            execute(conn, SQL["set_window"], run_id=run.run_id, window_to=run.clock)
        balance = execute(conn, SQL["balance"], **run.keys).one()
        quarantine = [row.external_id for row in execute(conn, SQL["open_quarantine"], **run.keys)]
        execute(conn, SQL["fail_connection"], **run.keys, detail=said)
        cut = opened.capped
        return _finish(session, run, opened, conn, Verdict(), balance, quarantine, cut=cut, error=said, note=None)


def _finish(
    session: CaptureSession,
    run: Run,
    opened: Opened,
    conn: Any,
    verdict: Verdict,
    balance: Any,
    quarantine: list[str],
    *,
    cut: bool,
    error: str | None,
    note: str | None,
) -> PullReport:
    from sync_pipeline.steps.capture.service import PullReport

    http = getattr(session.client, "http", None)
    state = "failed" if error else "closed"
    scope = session.client.scope(run.stream)
    counts = execute(
        conn,
        SQL["close_run"],
        run_id=run.run_id,
        state=state,
        expected=balance.expected,
        captured=balance.captured,
        quarantined=balance.quarantined,
        vanished=balance.vanished,
        deleted=verdict.deleted,
        requests=getattr(http, "requests", 0) - opened.requests_before,
        bytes=getattr(http, "received", 0) - opened.bytes_before,
        seconds=time.monotonic() - opened.began,
        capped=cut,
        error=error,
        detail=json.dumps(
            {
                "remote_total": run.progress.remote,
                "gate": verdict.gate,
                "suspected": verdict.unclear,
                "note": note,
                "throttled": run.budget.throttled,
                "slow": run.budget.slow,
                "left_out": {reason: list(names) for reason, names in scope.left_out.items()},
                "missing": list(scope.missing),
            }
        ),
    ).one()
    journal.close_log(
        conn,
        run.run_id,
        records=counts.new + counts.changed,
        skipped=balance.quarantined,
        error=error,
    )
    cursor = execute(conn, SQL["cursor"], **run.keys).one_or_none()
    report = PullReport(
        connection=session.connection.name,
        entity=run.stream.name,
        mode=run.mode,
        state=state,
        expected=balance.expected,
        captured=balance.captured,
        quarantined=balance.quarantined,
        vanished=balance.vanished,
        new=counts.new,
        changed=counts.changed,
        unchanged=counts.unchanged,
        deleted=counts.deleted,
        swept=counts.swept,
        requests=counts.requests,
        bytes=counts.bytes,
        seconds=counts.seconds,
        resumed=counts.resumed,
        capped=cut,
        remote_total=run.progress.remote,
        run_id=run.run_id,
        gate=verdict.gate,
        throttled=run.budget.throttled,
        slow=run.budget.slow,
        watermark=cursor.watermark.isoformat() if cursor and cursor.watermark else None,
        quarantine=tuple(quarantine),
        missing=tuple(scope.missing),
        error=error or note,
    )
    journal.record(
        conn,
        f"capture.{state}",
        actor=session.actor,
        connection_id=session.connection.connection_id,
        entity_type=run.stream.entity_type,
        run=run.run_id,
        mode=run.mode,
        new=counts.new,
        changed=counts.changed,
        deleted=counts.deleted,
        quarantined=balance.quarantined,
        error=error,
    )
    return report

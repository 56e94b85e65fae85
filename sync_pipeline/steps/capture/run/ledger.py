"""Open a run or resume a killed one; close it when every expected id is accounted for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sync_pipeline import journal
from sync_pipeline.db.queries import execute, execute_prepared
from sync_pipeline.errors import RefusedBySource, SourceError
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.capture.read.coverage import Coverage
from sync_pipeline.steps.capture.run.as_known import close_as_known
from sync_pipeline.steps.capture.run.context import CaptureContext, Opened, PullReport
from sync_pipeline.steps.capture.run.deletion import Suspect, Verdict, judge
from sync_pipeline.steps.capture.run.ending import Ending, analyze, end_run
from sync_pipeline.steps.capture.write.pages import TRUSTED, Run
from sync_pipeline.steps.capture.write.pii import hash_text
from sync_pipeline.steps.capture.write.records import SQL

_SHORT = 20  # pages of a first import that are read again rather than resumed


def open_run(
    session: CaptureContext, stream: Stream, *, full: bool, do_sweep: bool | None, max_pages: int | None
) -> Opened:
    """The ledger row of this pull. The caller holds the entity's lock."""
    keys: dict[str, Any] = {"connection_id": session.connection.connection_id, "entity_type": stream.entity_type}
    with session.db.org(session.connection.org_id) as conn:
        now = execute_prepared(conn, SQL["opening"], **keys).one()
        watermark = now.watermark
        repairs = watermark is not None and watermark > datetime.now(UTC) + TRUSTED
        if repairs and max_pages is None:
            watermark = None  # it hid every change since it was set: everything is read again
        wanted = "preview" if max_pages is not None else ("full" if full or watermark is None else "delta")
        sweeps = wanted == "full"
        if wanted == "delta":
            sweeps = _sweep_is_due(conn, session.common.sweep_every, now, keys) if do_sweep is None else do_sweep
        unfinished = now if wanted != "preview" and now.run_id is not None else None
        if unfinished is not None and (unfinished.mode == wanted or unfinished.mode == "full"):
            run_id = unfinished.run_id
            again = _begin_again_without_signal(conn, stream, run_id, first=watermark is None and not repairs)
            execute(conn, SQL["resume_run"], run_id=run_id, orchestrator_run=session.orchestrator_run, again=again)
            if unfinished.state == "failed":  # the log of the attempt that failed is closed; a killed one's is not
                journal.open_log(conn, kind="pull", run_id=run_id, **keys)
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
            execute(conn, SQL["abandon_runs"], **keys, run_id=run_id)
        else:
            begins = {"mode": wanted, "window_from": watermark if wanted == "delta" else None}
            opening = {**keys, **begins, "orchestrator_run": session.orchestrator_run}
            run_id = int(execute_prepared(conn, SQL["open_run"], **opening).scalar_one())
            opened = Opened(run_id, wanted, datetime.now(UTC), watermark, sweeps, max_pages is not None)
    opened.repairs = repairs and opened.mode == "full"
    opened.used_before = session.client.usage
    return opened


def _sweep_is_due(conn: Any, every: int, now: Any, keys: dict[str, Any]) -> bool:
    if every == 1:
        return True
    done = int(execute(conn, SQL["deltas_since_sweep"], **keys, swept_at=now.swept_at, at_most=every).scalar_one())
    return done + 1 >= every


def _begin_again_without_signal(conn: Any, stream: Stream, run_id: int, *, first: bool) -> bool:
    """What changed since the killed run read it would be missed under a run that closes, where no signal tells it: the
    list is walked again (True), and what is known costs no write. A long first import goes on: the next delta reads it.
    """
    if stream.signal or (first and execute(conn, SQL["pages_written"], run_id=run_id).scalar_one() > _SHORT):
        return False
    execute(conn, SQL["forget_run_pages"], run_id=run_id)
    return True


def _committed(conn: Any, run_id: int) -> dict[tuple[str, str], tuple[Coverage, int]]:
    pages: dict[tuple[str, str], tuple[Coverage, int]] = {}
    for row in execute(conn, SQL["pages"], run_id=run_id):
        coverage, rows = pages.get((row.kind, row.walk), (Coverage(), 0))
        coverage.add(row.low, row.high)
        first = coverage.ranges()[0]
        inside = first[0] == 0 and row.low <= first[1]
        pages[row.kind, row.walk] = coverage, rows + (row.size - 1 if inside else 0)
    return pages


def close(session: CaptureContext, run: Run, opened: Opened, *, complete: bool, note: str | None = None) -> PullReport:
    """Account for every id, judge what is missing, and close the ledger and move the watermark in one transaction.

    A run whose ids do not add up fails, and its watermark stays.
    """
    verdict = Verdict()
    cut = opened.capped and not complete  # a capped pull whose pages sufficed read everything
    complete = complete and not opened.capped and note is None
    if note is None and (quick := close_as_known(session, run, opened, complete=complete)) is not None:
        return quick
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
    with run.transaction() as conn:
        unfetched = execute(conn, SQL["unfetched"], run_id=run.run_id).all()
        balance, read, quarantine = _sums(conn, run, complete)
        lost = balance["expected"] - balance["captured"] - balance["quarantined"] - balance["vanished"]
        error = None
        if lost or unfetched:
            error = f"{lost} listed records are not accounted for, {len(unfetched)} not fetched"
        end = Ending(balance, *read, quarantine, verdict, complete, cut, error, note)
        found = end_run(session, run, opened, conn, end)
    analyze(session, run, found)
    return found


def _stage_seen(conn: Any, run: Run, complete: bool) -> None:
    """Stage the ids of the run's pages. A complete list is joined by hash, a few ids by index."""
    if complete:
        execute(conn, SQL["set_based"])
    execute(conn, SQL["stage_seen"], run_id=run.run_id)
    execute(conn, SQL["analyze_seen"])


def _sums(conn: Any, run: Run, complete: bool) -> tuple[dict[str, int], tuple[int, int], list[str]]:
    """The sums of the ledger; how many ids were read, and listed by a sweep; and what the run has in quarantine."""
    _stage_seen(conn, run, complete)
    balance = dict(execute(conn, SQL["balance"], **run.keys).one()._mapping)
    read = balance.pop("read"), balance.pop("swept")
    return balance, read, [row.external_id for row in execute(conn, SQL["open_quarantine"], **run.keys)]


def fail(session: CaptureContext, run: Run, opened: Opened, error: SourceError) -> PullReport:
    """Fail the run: committed pages stay, the watermark does not move, and the next run continues here."""
    said = hash_text(str(error)) if run.hashes_emails else str(error)  # the store's message may name a person
    with run.transaction() as conn:
        if run.clock is not None:
            execute(conn, SQL["note_clock"], run_id=run.run_id, window_to=run.clock)
        balance, read, quarantine = _sums(conn, run, complete=False)
        execute(conn, SQL["fail_connection"], **run.keys, detail=said)
        refused = isinstance(error, RefusedBySource) and error.status == 401
        end = Ending(balance, *read, quarantine, cut=opened.capped, error=said, refused=refused)
        return end_run(session, run, opened, conn, end)

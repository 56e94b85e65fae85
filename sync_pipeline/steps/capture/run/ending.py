"""How every run ends: it is closed in one statement, and reported; many new records are analyzed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection as Transaction

from sync_pipeline.db import statistics
from sync_pipeline.db.queries import execute, execute_prepared
from sync_pipeline.steps.capture.run.clock import clock_warning
from sync_pipeline.steps.capture.run.context import CaptureContext, Opened, PullReport
from sync_pipeline.steps.capture.run.deletion import Verdict
from sync_pipeline.steps.capture.write.pages import TRUSTED, Run
from sync_pipeline.steps.capture.write.records import SQL

_ANALYZED = ("org_id", "connection_id", "entity_type", "external_id", "parent_id", "code_key", "email")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: the sums of the ledger, what it has in quarantine and found deleted, and why it is incomplete.

    `read`: ids whose record was read and not set aside. `swept`: ids that a sweep listed. Each counts once.
    `complete`: all records were listed. `cut`: it was capped, and there are more. `refused`: the credentials were.
    """

    balance: Mapping[str, int]
    read: int
    swept: int
    quarantine: Sequence[str] = ()
    verdict: Verdict = field(default_factory=Verdict)
    complete: bool = False
    cut: bool = False
    error: str | None = None
    note: str | None = None
    refused: bool = False

    @property
    def state(self) -> str:
        """closed, or failed with an error."""
        return "closed" if self.error is None else "failed"


def end_run(
    session: CaptureContext, run: Run, opened: Opened, conn: Transaction, end: Ending, *, prepared: bool = False
) -> PullReport:
    """Close the ledger and the log. The watermark moves, unless the run failed, was capped or has a note.

    `prepared`: as `execute_prepared`. Not after `set_based`: the plan that is kept would be one without nested loops.
    """
    carry_out = execute_prepared if prepared else execute
    usage = _usage(session, opened)
    closed = carry_out(
        conn,
        SQL["close_run"],
        **run.keys,
        **end.balance,
        read=end.read,
        swept=end.swept,
        **usage,
        detail=json.dumps(_detail(session, run, opened, end)),
        state=end.state,
        deleted=end.verdict.deleted,
        capped=end.cut,
        error=end.error,
        moves=end.error is None and end.note is None and not opened.capped,
        watermark=_next_watermark(run, opened),
        was_full=run.mode == "full",
        was_swept=end.complete,
        started_at=run.started_at,
        actor=session.actor,
    ).one()
    if end.complete and end.error is None and run.mode == "full":
        execute(conn, SQL["resolve_older"], **run.keys)
    return _report(session, run, opened, end, {**closed._mapping, **usage})


def analyze(session: CaptureContext, run: Run, report: PullReport) -> None:
    """After many new records, tell the planner what the table holds."""
    if report.new + report.changed >= statistics.ENOUGH:
        with run.transaction() as conn:
            statistics.analyze_captured(conn, session.connection.provider, _ANALYZED)


def _next_watermark(run: Run, opened: Opened) -> datetime:
    """The store's clock at the run's first answer, as far as it is trusted."""
    return min(opened.clock or run.clock or run.started_at, datetime.now(UTC) + TRUSTED)


def _usage(session: CaptureContext, opened: Opened) -> dict[str, Any]:
    """What this attempt used; the ledger adds up those of a run."""
    used = session.client.usage - opened.used_before
    return {"requests": used.requests, "bytes": used.bytes, "seconds": time.monotonic() - opened.began}


def _detail(session: CaptureContext, run: Run, opened: Opened, end: Ending) -> dict[str, Any]:
    """What else is known of an attempt."""
    scope = session.client.scope(run.stream)
    return {
        "remote_total": run.progress.remote,
        "gate": end.verdict.gate,
        "suspected": end.verdict.unclear,
        "note": end.note,
        "clock": clock_warning(run, opened),
        "throttled": run.budget.throttled,
        "slow": run.budget.slow,
        "left_out": {reason: list(names) for reason, names in scope.left_out.items()},
        "missing": list(scope.missing),
    }


def _report(session: CaptureContext, run: Run, opened: Opened, end: Ending, counts: dict[str, Any]) -> PullReport:
    """What is reported of an attempt. Counts of records are the ledger's: of all attempts of a run, killed ones too;
    requests, bytes and seconds are its own.
    """
    watermark = counts.pop("watermark")
    return PullReport(
        connection=session.connection.name,
        entity=run.stream.name,
        mode=run.mode,
        state=end.state,
        **end.balance,
        **counts,
        capped=end.cut,
        remote_total=run.progress.remote,
        run_id=run.run_id,
        gate=end.verdict.gate,
        throttled=run.budget.throttled,
        slow=run.budget.slow,
        watermark=watermark.isoformat() if watermark else None,
        quarantine=tuple(end.quarantine),
        missing=tuple(session.client.scope(run.stream).missing),
        clock=clock_warning(run, opened),
        error=end.error or end.note,
        refused=end.refused,
    )

"""How a run ends: what it used, what is reported of it, and what many new records ask for."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sync_pipeline.db import statistics
from sync_pipeline.steps.capture.run.clock import clock_warning
from sync_pipeline.steps.capture.run.context import CaptureContext, Opened, PullReport
from sync_pipeline.steps.capture.run.deletion import Verdict
from sync_pipeline.steps.capture.write.pages import TRUSTED, Run

_ANALYZED = ("org_id", "connection_id", "entity_type", "external_id", "parent_id", "code_key", "email")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: what was found deleted, the sums of the ledger, and the reason if it is incomplete."""

    verdict: Verdict
    balance: dict[str, int]
    quarantine: list[str]
    cut: bool
    error: str | None
    note: str | None

    @property
    def state(self) -> str:
        """closed, or failed with an error."""
        return "failed" if self.error else "closed"


def next_watermark(run: Run, opened: Opened) -> datetime:
    """The store's clock at the run's first answer, as far as it is trusted."""
    return min(opened.clock or run.clock or run.started_at, datetime.now(UTC) + TRUSTED)


def analyze(session: CaptureContext, run: Run, report: PullReport) -> None:
    """After many new records, tell the planner what the table holds."""
    if report.new + report.changed >= statistics.ENOUGH:
        with run.transaction() as conn:
            statistics.analyze_captured(conn, session.connection.provider, _ANALYZED)


def pull_report(
    session: CaptureContext, run: Run, opened: Opened, end: Ending, counts: dict[str, Any], watermark: datetime | None
) -> PullReport:
    """What is reported of a run; `counts` are those of the ledger's row."""
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
    )


def usage_of(
    session: CaptureContext, run: Run, opened: Opened, verdict: Verdict, *, note: str | None = None
) -> dict[str, Any]:
    """What an attempt used, and what else is known of it."""
    scope = session.client.scope(run.stream)
    used = session.client.usage - opened.used_before
    detail = {
        "remote_total": run.progress.remote,
        "gate": verdict.gate,
        "suspected": verdict.unclear,
        "note": note,
        "clock": clock_warning(run, opened),
        "throttled": run.budget.throttled,
        "slow": run.budget.slow,
        "left_out": {reason: list(names) for reason, names in scope.left_out.items()},
        "missing": list(scope.missing),
    }
    return {
        "requests": used.requests,
        "bytes": used.bytes,
        "seconds": time.monotonic() - opened.began,
        "detail": json.dumps(detail),
    }

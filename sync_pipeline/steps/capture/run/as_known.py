"""The end of a run in which nothing needs a closer look: two statements, where the sums of any run take a dozen and a
table of their own. A night is mostly such runs.
"""

from __future__ import annotations

from sync_pipeline.db.queries import execute_prepared
from sync_pipeline.gates.causes.mass_deletion import CAUSE
from sync_pipeline.steps.capture.run.context import CaptureContext, Opened, PullReport
from sync_pipeline.steps.capture.run.ending import Ending, analyze, end_run
from sync_pipeline.steps.capture.write.pages import Run
from sync_pipeline.steps.capture.write.records import SQL

_FEW = 4  # pages of a run whose ids are looked at in one statement


def close_as_known(session: CaptureContext, run: Run, opened: Opened, *, complete: bool) -> PullReport | None:
    """Close a run of a few pages in which every id is captured and none is missing; None where one may need a look."""
    if opened.capped or opened.pages or run.progress.pages > _FEW:
        return None
    with run.transaction() as conn:
        of = {"started_at": run.started_at, "complete": complete, "cause": CAUSE.name}
        found = execute_prepared(conn, SQL["few_as_known"], **run.keys, **of).one()
        if not found.as_known:
            return None
        balance = {"expected": found.expected, "captured": found.expected, "quarantined": 0, "vanished": 0}
        end = Ending(balance, found.read, found.swept, complete=complete)
        report = end_run(session, run, opened, conn, end, prepared=True)
    analyze(session, run, report)
    return report

"""The end of a run in which nothing needs a closer look: two statements, where the sums of any run take a dozen and a
table of their own. A night is mostly such runs.
"""

from __future__ import annotations

from sync_pipeline.db.queries import execute, execute_prepared
from sync_pipeline.gates.causes.mass_deletion import CAUSE
from sync_pipeline.steps.capture.run.context import CaptureContext, Opened, PullReport
from sync_pipeline.steps.capture.run.deletion import Verdict
from sync_pipeline.steps.capture.run.ending import Ending, analyze, next_watermark, pull_report, usage_of
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
        moves = {"watermark": next_watermark(run, opened), "was_full": run.mode == "full", "was_swept": complete}
        closed = execute_prepared(
            conn,
            SQL["close_as_known"],
            **run.keys,
            **moves,
            **usage_of(session, run, opened, Verdict()),
            started_at=run.started_at,
            expected=found.expected,
            actor=session.actor,
            mode=run.mode,
        ).one()
        if complete and run.mode == "full":
            execute(conn, SQL["resolve_older"], **run.keys)
    counts = dict(closed._mapping)
    watermark = counts.pop("moved_to")
    balance = {"expected": found.expected, "captured": found.expected, "quarantined": 0, "vanished": 0}
    told = pull_report(session, run, opened, Ending(Verdict(), balance, [], False, None, None), counts, watermark)
    analyze(session, run, told)
    return told

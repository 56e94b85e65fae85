"""Compare captured records with core, set-based. Only differences that changed are written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection as Transaction

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview.drift import drifted_fields, judge_drift
from sync_pipeline.steps.preview.entity import keys, noise
from sync_pipeline.steps.preview.summary import PreviewReport, write_summary
from sync_pipeline.steps.preview.warn import warn, warn_some

SQL = load(__package__, "compare.sql")


def hold_core(conn: Transaction, *, writing: bool = False) -> None:
    """Lock the organization's core until the transaction ends: shared, or alone with `writing`.

    Promotion and undo take it alone, so that none of them commits while records are compared with core: the comparison
    would overwrite what it wrote. Comparisons do not wait for one another.
    """
    execute(conn, SQL["hold_core"], writing=writing)


def recompute(db: Database, connection: Connection, stream: Stream) -> PreviewReport:
    """Compare again, warn about what would go wrong in promotion, and sum up.

    If nothing was captured since the last comparison, only the sums are computed: promotion and undo keep the
    differences up to date.
    """
    started = time.monotonic()
    with db.org(connection.org_id) as conn:
        hold_core(conn)
        known = execute(
            conn, SQL["last_change"], **keys(connection, stream), noise=noise(connection, stream)
        ).one_or_none()
        if known is not None and known.compared:
            drift = known.drift
        else:
            _compare(conn, connection, stream)
            drift = drifted_fields(conn, connection, stream)
        judge_drift(conn, connection, stream)
        report = write_summary(conn, connection, stream, drift=drift, changed_at=known.changed_at if known else None)
    return replace(report, seconds=time.monotonic() - started)


def _compare(conn: Transaction, connection: Connection, stream: Stream) -> None:
    here = keys(connection, stream)
    execute(conn, SQL["join_by_hash"])
    execute(conn, SQL["compare"], **here)
    execute(conn, SQL["analyze_different"])
    execute(conn, SQL["write_different"], **here)
    warn(conn, connection, stream)


def compare_some(conn: Transaction, connection: Connection, stream: Stream, ids: Sequence[str]) -> None:
    """Compare only these records, in the caller's transaction, so that they have their status at once."""
    here = keys(connection, stream)
    hold_core(conn)
    execute(conn, SQL["compare_some"], **here, ids=list(ids))
    execute(conn, SQL["analyze_different"])
    execute(conn, SQL["write_some"], **here, ids=list(ids))
    warn_some(conn, connection, stream)

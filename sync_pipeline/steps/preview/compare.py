"""Compare captured records with core, set-based. Only differences that changed are written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection as Transaction

from sync_pipeline.db import statistics
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.capture.followed import followed_types
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview import followed
from sync_pipeline.steps.preview.drift import drifted_fields, judge_drift
from sync_pipeline.steps.preview.entity import keys, noise
from sync_pipeline.steps.preview.summary import Compared, PreviewReport, write_summaries
from sync_pipeline.steps.preview.warn import naming, warn, warn_no_longer, warn_some

SQL = load(__package__, "compare.sql")


def hold_core(conn: Transaction, *, writing: bool = False) -> None:
    """Lock the organization's core until the transaction ends: shared, or alone with `writing`.

    Promotion and undo take it alone, so that none of them commits while records are compared with core: the comparison
    would overwrite what it wrote. Comparisons of several entities do not wait for one another.
    """
    execute(conn, SQL["hold_core"], writing=writing)


def recompute(db: Database, connection: Connection, stream: Stream) -> PreviewReport:
    """Compare again, warn about what would go wrong in promotion, and sum up.

    If nothing was captured since the last comparison, only the sums are computed: promotion and undo keep the
    differences up to date. What follows this stream's records is compared too, if these changed.
    """
    started = time.monotonic()
    with db.org(connection.org_id) as conn:
        held = {one.stream.name: one.stream for one in followed.behind(conn, connection, stream)}
        followed.hold(conn, connection, held.values())
        hold_core(conn)
        _take_turns(conn, connection, stream, *held.values())
        # Read again under the locks: what commits from here on is later than these times.
        again = followed.behind(conn, connection, stream) if held else ()
        late = {one.stream.name: one for one in again if one.stream.name in held}
        report, anew = _recompute(conn, connection, stream, late.pop(stream.name, None))
        for one in late.values():
            _recompute(conn, connection, one.stream, one)
    if anew and (others := naming(connection.source, stream)):
        # Of its own, so that nobody who pushes or compares those waits for the comparison of this one.
        with db.org(connection.org_id) as conn:
            hold_core(conn)
            _take_turns(conn, connection, *others)
            warn_no_longer(conn, connection, stream)
    if report.new + report.updated + report.deleted >= statistics.ENOUGH:
        statistics.refresh(db, connection.org_id, ("preview.difference",))
    return replace(report, seconds=time.monotonic() - started)


def catch_up(db: Database, connection: Connection) -> None:
    """Compare again what follows records that changed since: what a plan includes is what would become of it now."""
    with db.org(connection.org_id) as conn:
        late = followed.behind(conn, connection)
    for one in late:
        recompute(db, connection, one.stream)


def _recompute(
    conn: Transaction, connection: Connection, stream: Stream, late: followed.Behind | None
) -> tuple[PreviewReport, bool]:
    """The report, and whether records were compared."""
    known = execute(conn, SQL["last_change"], **keys(connection, stream), noise=noise(connection, stream)).one_or_none()
    if known is not None and known.compared:
        anew, drift = False, drifted_fields(conn, connection, stream) if known.drift else []
    else:
        _compare(conn, connection, stream)
        anew, drift = True, drifted_fields(conn, connection, stream)
    if late is not None:
        followed.look(conn, connection, late)
    judge_drift(conn, connection, stream)
    compared = Compared(stream, drift, known.changed_at if known else None)
    [report] = write_summaries(conn, connection, [compared], anew=anew)
    if late is not None:
        followed.looked(conn, connection, late)
    return report, anew


def _take_turns(conn: Transaction, connection: Connection, *streams: Stream) -> None:
    for entity_type in sorted({one.entity_type for one in streams}):
        execute(conn, SQL["hold_differences"], connection_id=connection.connection_id, entity_type=entity_type)


def _compare(conn: Transaction, connection: Connection, stream: Stream) -> None:
    here = keys(connection, stream)
    execute(conn, SQL["join_by_hash"])
    execute(conn, SQL["compare"], **here)
    execute(conn, SQL["analyze_different"])
    settled = execute(conn, SQL["settle_different"], **here)
    back = dict.fromkeys(settled.scalars()) if followed_types(stream) else {}
    execute(conn, SQL["write_different"], **here)
    warn(conn, connection, stream)
    followed.check(conn, connection.connection_id, stream, back, provider=connection.provider)
    execute(conn, SQL["drop_different"])


def compare_some(conn: Transaction, connection: Connection, stream: Stream, ids: Sequence[str]) -> None:
    """Compare only these records, in the caller's transaction, so that they have their status at once."""
    here = keys(connection, stream)
    hold_core(conn)
    _take_turns(conn, connection, stream)
    execute(conn, SQL["compare_some"], **here, ids=list(ids))
    execute(conn, SQL["analyze_different"])
    execute(conn, SQL["write_some"], **here, ids=list(ids))
    warn_some(conn, connection, stream)
    if followed_types(stream):
        some = dict.fromkeys(ids)
        followed.check(conn, connection.connection_id, stream, some, provider=connection.provider)

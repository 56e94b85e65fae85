"""A connection is tested before it is used."""

from __future__ import annotations

from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import SourceError
from sync_pipeline.steps.connect.service import Connection, diagnose

_SQL = load(__package__)
_HOLDS_SECONDS = 300  # what was healthy so lately is not asked again


def ensure_tested(db: Database, settings: Settings, conn: Connection) -> None:
    """Run the doctor, unless it found the store healthy a moment ago.

    Raises:
        SourceError: the store does not answer as it should, in the doctor's words.
    """
    with db.org(conn.org_id) as tx:
        well = execute(
            tx, _SQL["lately_healthy"], connection_id=conn.connection_id, seconds=_HOLDS_SECONDS
        ).scalar_one_or_none()
    if well:
        return
    wrong = [finding.message for finding in diagnose(db, settings, conn) if finding.level == "error"]
    if wrong:
        raise SourceError(f"{conn.name} does not answer as it should: {' '.join(wrong)}")

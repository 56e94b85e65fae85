"""The doctor: does a store answer as it should, and why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import SourceError
from sync_pipeline.redaction import redact
from sync_pipeline.sources.base import Finding
from sync_pipeline.steps.connect.connections import Connection
from sync_pipeline.steps.connect.credentials import client_for

_SQL = load(__package__)
_VALID_SECONDS = 300  # a store found healthy so recently is not tested again


def diagnose(db: Database, settings: Settings, conn: Connection) -> Sequence[Finding]:
    """Run the provider's doctor and save the connection's health."""
    client = client_for(settings, conn)
    try:
        findings = [
            replace(f, message=redact(f.message), remedy=redact(f.remedy)) for f in conn.source.diagnose(client)
        ]
    finally:
        client.close()
    wrong = [f for f in findings if f.level == "error"]
    with db.org(conn.org_id) as tx:
        execute(
            tx,
            _SQL["set_health"],
            connection_id=conn.connection_id,
            health="failing" if wrong else "healthy",
            detail="; ".join(f.message for f in wrong) or None,
        )
    return findings


def ensure_tested(db: Database, settings: Settings, conn: Connection) -> None:
    """Run the doctor, unless it found the store healthy within the last five minutes.

    Raises:
        SourceError: the store does not answer as it should, with the doctor's findings.
    """
    with db.org(conn.org_id) as tx:
        healthy = execute(
            tx, _SQL["recently_healthy"], connection_id=conn.connection_id, seconds=_VALID_SECONDS
        ).scalar_one_or_none()
    if healthy:
        return
    wrong = [finding.message for finding in diagnose(db, settings, conn) if finding.level == "error"]
    if wrong:
        raise SourceError(f"{conn.name} does not answer as it should: {' '.join(wrong)}")

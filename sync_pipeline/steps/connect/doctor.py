"""The doctor: does a store answer as it should, and why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError, SourceError
from sync_pipeline.exact_json import to_json
from sync_pipeline.redaction import redact
from sync_pipeline.sources.base import Client, Finding, Source
from sync_pipeline.steps.connect.connections import Connection
from sync_pipeline.steps.connect.credentials import client_for, client_with, rotate_credentials, rotated
from sync_pipeline.steps.connect.organizations import Organization

_SQL = load(__package__)
NOT_REPLACED = "Nothing was changed: the test with the new credentials failed."
_VALID_SECONDS = 300  # a store found healthy so recently is not tested again


@dataclass(frozen=True, slots=True)
class LastTest:
    """When the doctor looked at a store last, and what it found; no findings before the first time."""

    at: datetime | None
    findings: Sequence[Finding]


def diagnose(db: Database, settings: Settings, conn: Connection) -> Sequence[Finding]:
    """Run the provider's doctor and save the connection's health and the findings."""
    findings = [*_examined(conn.source, client_for(settings, conn)), *_twice(db, conn)]
    wrong = [f for f in findings if f.level == "error"]
    with db.org(conn.org_id) as tx:
        execute(
            tx,
            _SQL["set_tested"],
            connection_id=conn.connection_id,
            health="failing" if wrong else "healthy",
            detail="; ".join(f.message for f in wrong) or None,
            findings=to_json([asdict(one) for one in findings]),
        )
    return findings


def _twice(db: Database, conn: Connection) -> Sequence[Finding]:
    with db.org(conn.org_id) as tx:
        others = execute(tx, _SQL["same_store"], connection_id=conn.connection_id).scalars().all()
    return [
        Finding(
            "warning",
            "connected_twice",
            f"Connection “{name}” leads to the same store: what both promote is in core twice, in sums, too.",
            "Disconnect one of the two, or promote from one alone.",
        )
        for name in others
    ]


def try_credentials(settings: Settings, conn: Connection, given: Mapping[str, Any]) -> Sequence[Finding]:
    """What the doctor finds with these credentials instead of the connection's own; nothing is saved.

    `given`: as for `rotate_credentials`.

    Raises:
        ConfigurationError: `given` names something that is not a credential, or one is missing.
    """
    return try_settings(settings, conn.source, rotated(settings, conn, given))


def try_settings(settings: Settings, provider: Source, given: Mapping[str, Any]) -> Sequence[Finding]:
    """What the doctor finds with these settings; nothing is saved.

    Raises:
        ConfigurationError: a setting is missing or invalid.
    """
    return _examined(provider, client_with(settings, provider, given))


def replace_credentials(
    db: Database,
    settings: Settings,
    org: Organization,
    conn: Connection,
    given: Mapping[str, Any],
    *,
    tested: bool = True,
    actor: str,
) -> Sequence[Finding]:
    """`rotate_credentials` once the store has accepted them; returns the findings of the test afterwards.

    With `tested` off they are saved whatever the store says.

    Raises:
        ConfigurationError: `given` names something that is not a credential, one is missing, or the test failed.
            Nothing was changed.
    """
    if tested:
        wrong = [one for one in try_credentials(settings, conn, given) if one.level == "error"]
        if wrong:
            said = " ".join(f"{one.message} {one.remedy}".strip() for one in wrong)
            raise ConfigurationError(f"{NOT_REPLACED} {said}")
    return diagnose(db, settings, rotate_credentials(db, settings, org, conn, given, actor=actor))


def last_test(db: Database, conn: Connection) -> LastTest:
    """What the doctor found when it last looked."""
    with db.org(conn.org_id) as tx:
        row = execute(tx, _SQL["last_test"], connection_id=conn.connection_id).one()
    return LastTest(row.tested_at, [Finding(**one) for one in row.findings])


def _examined(provider: Source, client: Client) -> Sequence[Finding]:
    """The doctor's findings without the secrets that a store may repeat; closes the client."""
    try:
        found = provider.diagnose(client)
    finally:
        client.close()
    return [replace(f, message=redact(f.message), remedy=redact(f.remedy)) for f in found]


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

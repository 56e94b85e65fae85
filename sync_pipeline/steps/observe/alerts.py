"""Failing and stale connections, told to the deployment's webhook: once when it begins, once when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import redact
from sync_pipeline.steps.connect import Organization, organizations

_SQL = load(__package__, "alerts.sql")
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Alert:
    """One message: what is wrong (or no longer) with which connection."""

    org: str
    connection: str
    provider: str
    kind: str  # failing, stale
    state: str  # begun, over
    detail: str | None
    since: datetime | None


def send_alerts(db: Database, settings: Settings, *, transport: httpx.BaseTransport | None = None) -> Sequence[Alert]:
    """Tell what began or ended since the last time; returns what was told. Without SYNC_ALERT_URL nothing is told.

    A message is noted as told in the transaction it is sent in: one that cannot be sent is sent the next time, one
    whose transaction fails after it was sent comes again. A receiver that does not answer is not asked again before the
    next time: a thousand organizations would wait for it one after the other.
    """
    if settings.alert_url is None:
        return []
    told: list[Alert] = []
    with httpx.Client(timeout=_SECONDS, transport=transport, follow_redirects=False) as client:
        for org in organizations(db):
            if org.providers:
                try:
                    _of_org(db, settings, org, client, told)
                except _NobodyThere:
                    break
    return told


class _NobodyThere(Exception):
    """The receiver does not answer."""


def _of_org(db: Database, settings: Settings, org: Organization, client: httpx.Client, told: list[Alert]) -> None:
    address = settings.alert_url.get_secret_value() if settings.alert_url else ""
    silent = False
    with db.org(org.org_id) as conn:
        # One process at a time tells an organization's.
        if not execute(conn, _SQL["alone"]).scalar_one():
            return
        for row in execute(conn, _SQL["news"], seconds=settings.stale_hours * 3600).all():
            alert = Alert(
                org.slug,
                row.connection,
                row.provider,
                row.kind,
                "begun" if row.begins else "over",
                redact(row.detail) if row.detail else None,
                row.since,
            )
            try:
                if not _sent(client, address, alert):
                    continue
            except (httpx.HTTPError, httpx.InvalidURL):
                silent = True
                break  # what was told before stays noted
            execute(conn, _SQL["told" if row.begins else "forget"], subject=row.subject)
            told.append(alert)
    if silent:
        raise _NobodyThere


def _sent(client: httpx.Client, address: str, alert: Alert) -> bool:
    body = {
        "text": f"{alert.org}/{alert.connection} ({alert.provider}): {alert.kind} {alert.state}"
        + (f": {alert.detail}" if alert.detail else ""),
        "org": alert.org,
        "connection": alert.connection,
        "provider": alert.provider,
        "kind": alert.kind,
        "state": alert.state,
        "detail": alert.detail,
        "since": alert.since.isoformat() if alert.since else None,
        "at": datetime.now(UTC).isoformat(),
    }
    return client.post(address, json=body).is_success

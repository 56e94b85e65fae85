"""Alerts about failing and stale connections, posted to SYNC_ALERT_URL when they begin and when they are over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.redaction import redact
from sync_pipeline.steps.connect import Organization, organizations

_SQL = load(__package__, "alerts.sql")
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert: a connection's problem that began or is over."""

    org: str
    connection: str
    provider: str
    kind: str  # failing, stale
    state: str  # begun, over
    detail: str | None
    since: datetime | None


def send_alerts(db: Database, settings: Settings, *, transport: httpx.BaseTransport | None = None) -> Sequence[Alert]:
    """Send what began or ended since the last call; returns the alerts that were sent.

    Without SYNC_ALERT_URL nothing is sent. An alert is marked as sent in the transaction that sends it: one that cannot
    be sent is sent by the next call, and one whose transaction fails after sending is sent twice. If the receiver does
    not respond, this call ends: otherwise a thousand organizations would wait for it one after another.
    """
    if settings.alert_url is None:
        return []
    sent: list[Alert] = []
    with httpx.Client(timeout=_SECONDS, transport=transport, follow_redirects=False) as client:
        for org in organizations(db):
            if org.providers:
                try:
                    _send_for_org(db, settings, org, client, sent)
                except _ReceiverUnavailable:
                    break
    return sent


class _ReceiverUnavailable(Exception):
    """The receiver does not respond."""


def _send_for_org(db: Database, settings: Settings, org: Organization, client: httpx.Client, sent: list[Alert]) -> None:
    address = settings.alert_url.get_secret_value() if settings.alert_url else ""
    unavailable = False
    with db.org(org.org_id) as conn:
        # One process at a time sends an organization's alerts.
        if not execute(conn, _SQL["lock_alerts"]).scalar_one():
            return
        for row in execute(conn, _SQL["alert_changes"], seconds=settings.stale_hours * 3600).all():
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
                if not _post(client, address, alert):
                    continue
            except (httpx.HTTPError, httpx.InvalidURL):
                unavailable = True
                break  # what was already sent stays marked as sent
            execute(conn, _SQL["mark_alert_sent" if row.begins else "clear_alert"], subject=row.subject)
            sent.append(alert)
    if unavailable:
        raise _ReceiverUnavailable


def _post(client: httpx.Client, address: str, alert: Alert) -> bool:
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

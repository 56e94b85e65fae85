"""One secret of a connection: read where it is needed, replaced without touching the others."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from sync_pipeline import journal
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.steps.connect.credentials import decrypt, encrypt
from sync_pipeline.steps.connect.service import Connection

_SQL = load(__package__)


def secret(settings: Settings, conn: Connection, name: str) -> str | None:
    """The connection's secret called `name`; None where it has none."""
    return decrypt(settings.encryption_keys, conn.sealed, bound_to=f"{conn.org_id}/{conn.name}").get(name)


def webhook_path(conn: Connection) -> str:
    """Where the store's webhooks are to be sent, below the service's own address."""
    return f"/api/v1/webhooks/{conn.provider}/{conn.connection_id}"


def webhook_secrets(settings: Settings, conn: Connection) -> Sequence[str]:
    """What a webhook of this store may be signed with: the secret, and for a while the one it took the place of."""
    hooks = conn.source.webhooks
    if hooks is None:
        return []
    secrets = decrypt(settings.encryption_keys, conn.sealed, bound_to=f"{conn.org_id}/{conn.name}")
    until, _, former = secrets.get(_former(hooks.secret_field), "0 ").partition(" ")
    return [one for one in (secrets.get(hooks.secret_field), former if time.time() < float(until) else None) if one]


def _former(name: str) -> str:
    return f"former {name}"


def set_webhook_secret(
    db: Database,
    settings: Settings,
    conn: Connection,
    value: str,
    *,
    actor: str,
    overlap: timedelta = timedelta(days=1),
) -> None:
    """Set the secret with which the store signs its webhooks; an empty one takes it away, and no webhook is believed.

    The one before it holds on for `overlap`: a store's webhooks are changed one by one, and it gives up those that
    are refused. Set twice, or emptied first, the new one alone holds.

    Raises:
        ConfigurationError: this provider sends no webhooks.
    """
    hooks = conn.source.webhooks
    if hooks is None:
        raise ConfigurationError(f"{conn.source.title} stores send no webhooks here.")
    bound_to = f"{conn.org_id}/{conn.name}"
    fresh = value.strip()
    with db.org(conn.org_id) as tx:
        sealed = bytes(execute(tx, _SQL["hold"], connection_id=conn.connection_id).one().credentials)
        secrets = decrypt(settings.encryption_keys, sealed, bound_to=bound_to)
        before = secrets.pop(hooks.secret_field, None)
        secrets.pop(_former(hooks.secret_field), None)
        if fresh:
            secrets[hooks.secret_field] = fresh
        if fresh and before and before != fresh:
            secrets[_former(hooks.secret_field)] = f"{time.time() + overlap.total_seconds()} {before}"
        credentials = encrypt(settings.encryption_keys, secrets, bound_to=bound_to)
        execute(tx, _SQL["seal"], connection_id=conn.connection_id, credentials=credentials)
        journal.record(
            tx, "connect.webhook_secret_set", actor=actor, connection_id=conn.connection_id, there=bool(fresh)
        )

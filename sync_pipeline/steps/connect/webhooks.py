"""The secrets with which stores sign their webhooks. Like all credentials they are encrypted with their connection."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from functools import cache

from sync_pipeline import journal
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.steps.connect.connections import Connection
from sync_pipeline.steps.connect.credentials import decrypt, encrypt, long_enough, opened, save_secrets

_SQL = load(__package__)


def webhook_secrets(settings: Settings, conn: Connection | None) -> Sequence[str]:
    """The secrets that may sign a webhook of this store: the current one and, for a while, the one before.

    Without a connection there are none; the call takes as long, so that its time does not show whether one exists.
    """
    if conn is None:
        decrypt(settings.encryption_keys, _sealed_nothing(settings.encryption_keys[0]), bound_to="")
        return ()
    hooks = conn.source.webhooks
    if hooks is None:
        return ()
    secrets = opened(settings, conn)
    until, _, former = secrets.get(_former(hooks.secret_field), "0 ").partition(" ")
    return [one for one in (secrets.get(hooks.secret_field), former if time.time() < float(until) else None) if one]


def set_webhook_secret(
    db: Database,
    settings: Settings,
    conn: Connection,
    value: str,
    *,
    actor: str,
    overlap: timedelta = timedelta(days=1),
) -> None:
    """Set the secret with which the store signs its webhooks. An empty one removes it, and no webhook is accepted.

    The previous secret stays valid for `overlap`, because people change a store's webhooks one by one, and a store
    disables those that are refused. Setting the new secret twice, or an empty one first, ends the previous one at once.

    Raises:
        ConfigurationError: this provider sends no webhooks, or the secret is too short.
    """
    hooks = conn.source.webhooks
    if hooks is None:
        raise ConfigurationError(f"{conn.source.title} stores send no webhooks here: a pull finds what changed.")
    fresh = value.strip()
    if value:  # blanks alone are no secret, and not the wish for none
        long_enough(fresh)
    with db.org(conn.org_id) as tx:
        now = execute(tx, _SQL["lock_connection"], connection_id=conn.connection_id).one()
        secrets = opened(settings, conn, now.credentials)
        before = secrets.pop(hooks.secret_field, None)
        secrets.pop(_former(hooks.secret_field), None)
        if fresh:
            secrets[hooks.secret_field] = fresh
        if fresh and before and before != fresh:
            secrets[_former(hooks.secret_field)] = f"{time.time() + overlap.total_seconds()} {before}"
        save_secrets(tx, settings, conn, secrets, public=None, address=None)
        journal.record(
            tx, "connect.webhook_secret_set", actor=actor, connection_id=conn.connection_id, there=bool(fresh)
        )


def _former(name: str) -> str:
    return f"former {name}"


@cache
def _sealed_nothing(key: bytes) -> bytes:
    return encrypt([key], {}, bound_to="")

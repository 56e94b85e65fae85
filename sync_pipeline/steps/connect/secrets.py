"""One secret of a connection: read where it is needed, replaced without touching the others."""

from __future__ import annotations

import json

from sync_pipeline import journal
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import load, run
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


def set_webhook_secret(db: Database, settings: Settings, conn: Connection, value: str, *, actor: str) -> None:
    """Set the secret with which the store signs its webhooks; an empty one takes it away, and no webhook is believed.

    Raises:
        ConfigurationError: this provider sends no webhooks.
    """
    hooks = conn.source.webhooks
    if hooks is None:
        raise ConfigurationError(f"{conn.source.title} stores send no webhooks here.")
    bound_to = f"{conn.org_id}/{conn.name}"
    secrets = decrypt(settings.encryption_keys, conn.sealed, bound_to=bound_to)
    secrets.pop(hooks.secret_field, None)
    if value.strip():
        secrets[hooks.secret_field] = value.strip()
    with db.org(conn.org_id) as tx:
        run(
            tx,
            _SQL["set_credentials"],
            connection_id=conn.connection_id,
            credentials=encrypt(settings.encryption_keys, secrets, bound_to=bound_to),
            settings=json.dumps(dict(conn.settings)),
            store_url=conn.store_url,
        )
        journal.record(
            tx, "connect.webhook_secret_set", actor=actor, connection_id=conn.connection_id, there=bool(value.strip())
        )

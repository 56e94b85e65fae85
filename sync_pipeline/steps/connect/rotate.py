"""New credentials for a store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.steps.connect.credentials import decrypt
from sync_pipeline.steps.connect.service import Connection, Organization, add_connection


def rotate_credentials(
    db: Database, settings: Settings, org: Organization, conn: Connection, given: Mapping[str, Any], *, actor: str
) -> Connection:
    """Replace the secrets that are given, and the address where it is; the other settings stay.

    With another address all secrets must come along: old ones are never sent to a new place.

    Raises:
        ConfigurationError: what is given is no credential, or one is missing.
    """
    source = conn.source
    allowed = {*source.secret_fields, source.address_field}
    unknown = set(given) - allowed
    if unknown:
        raise ConfigurationError(
            f"Not a credential here: {', '.join(sorted(unknown))}. There are: {', '.join(sorted(allowed))}."
        )
    moves = given.get(source.address_field, conn.store_url) != conn.store_url
    kept = {} if moves else decrypt(settings.encryption_keys, conn.sealed, bound_to=f"{org.org_id}/{conn.name}")
    whole = {**conn.settings, source.address_field: conn.store_url, **kept, **given}
    return add_connection(db, settings, org, conn.provider, conn.name, whole, actor=actor)

"""Credentials: encrypted at rest, decrypted only here.

Fernet, with the newest key first. The ciphertext is bound to its connection: copied to another row it cannot be used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
import psycopg.errors
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr
from sqlalchemy import Connection as Transaction
from sqlalchemy.exc import IntegrityError

from sync_pipeline import journal
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.redaction import conceal
from sync_pipeline.sources.base import Client, Source, source
from sync_pipeline.sources.network import PrivateAddress, check_public
from sync_pipeline.sources.settings import ConnectionSettings
from sync_pipeline.steps.connect.connections import Connection, connection, connections, parse_settings
from sync_pipeline.steps.connect.disconnect import former_connections
from sync_pipeline.steps.connect.organizations import Organization, organizations

# /ui/ORG/plans …
RESERVED_NAMES = frozenset(
    {"connect", "decisions", "live", "logout", "people", "plans", "policies", "settings", "validation"}
)
SHORTEST_WEBHOOK_SECRET = 16  # characters
_SQL = load(__package__)


def encrypt(keys: Sequence[bytes], secrets: Mapping[str, str], *, bound_to: str) -> bytes:
    """Encrypt `secrets`. They can be decrypted only with the same `bound_to`."""
    return _cipher(keys).encrypt(msgspec.json.encode({"bound_to": bound_to, "secrets": dict(secrets)}))


def decrypt(keys: Sequence[bytes], sealed: bytes, *, bound_to: str) -> dict[str, str]:
    """Decrypt secrets.

    Raises:
        ConfigurationError: no key decrypts them, or they were copied from another row.
    """
    try:
        content = msgspec.json.decode(_cipher(keys).decrypt(sealed))
    except InvalidToken:
        raise ConfigurationError(
            "No key opens the stored credentials. Append the key they were encrypted with to SYNC_SECRET_KEY, after "
            "the newest key and a comma; or connect the store again."
        ) from None
    if content["bound_to"] != bound_to:
        raise ConfigurationError("These credentials belong to another connection. Connect the store again.")
    return {str(k): str(v) for k, v in content["secrets"].items()}


def _cipher(keys: Sequence[bytes]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise ConfigurationError("secret.key in SYNC_HOME is not a list of Fernet keys. Restore the file.") from None


def opened(settings: Settings, conn: Connection, sealed: bytes | None = None) -> dict[str, str]:
    """The connection's secrets; every one is concealed from then on."""
    secrets = decrypt(settings.encryption_keys, sealed or conn.sealed, bound_to=f"{conn.org_id}/{conn.name}")
    conceal(*secrets.values())
    return secrets


def save_secrets(
    tx: Transaction,
    settings: Settings,
    conn: Connection,
    secrets: Mapping[str, str],
    *,
    public: Mapping[str, Any] | None,
    address: str | None,
) -> None:
    """Write a connection's secrets; and its public settings and address, if given."""
    execute(
        tx,
        _SQL["set_credentials"],
        connection_id=conn.connection_id,
        credentials=encrypt(settings.encryption_keys, secrets, bound_to=f"{conn.org_id}/{conn.name}"),
        settings=None if public is None else json.dumps(public),
        store_url=address,
    )


def client_for(settings: Settings, conn: Connection) -> Client:
    """A client of this connection; the caller closes it."""
    config = parse_settings(conn.source, {**_public(conn), **opened(settings, conn)})
    return conn.source.connect(config, allow_private=settings.allow_private_hosts)


def client_with(settings: Settings, provider: Source, given: Mapping[str, Any]) -> Client:
    """A client with settings that are not saved; the caller closes it.

    Raises:
        ConfigurationError: a setting is missing or invalid.
    """
    config = parse_settings(provider, given)
    conceal(*_split(provider, config)[1].values())  # the store may repeat them
    return provider.connect(config, allow_private=settings.allow_private_hosts)


def _public(conn: Connection) -> dict[str, Any]:
    return {**conn.settings, conn.source.address_field: conn.store_url}


def secret(settings: Settings, conn: Connection, name: str) -> str | None:
    """The connection's secret called `name`; None if it has none."""
    return opened(settings, conn).get(name)


def moved_by(db: Database, org: Organization, provider: str, name: str, given: Mapping[str, Any]) -> Connection | None:
    """The connection that `add_connection` would give another address, and that has records; None if there is none.

    Raises:
        ConfigurationError: a setting is missing or invalid.
    """
    _, _, address = _split(source(provider), parse_settings(source(provider), given))
    known = connections(db, org, name)
    moved = next((one for one in known if one.provider == provider and one.store_url != address), None)
    return moved if moved is not None and _has_captured(db, moved) else None


def _has_captured(db: Database, connection: Connection) -> bool:
    with db.org(connection.org_id) as conn:
        return bool(execute(conn, _SQL["has_captured"], connection_id=connection.connection_id).scalar_one())


def add_connection(
    db: Database,
    settings: Settings,
    org: Organization,
    provider: str,
    name: str,
    given: Mapping[str, Any],
    *,
    actor: str,
) -> Connection:
    """Connect a store, or replace the address and credentials of an existing connection. Saves canonical settings.

    Raises:
        ConfigurationError: a setting is missing or invalid, the webhooks' secret is a new one and too short, the
            address is private and that is not allowed, or the name is an address of the Explorer's own or kept for
            another store, which was disconnected.
    """
    if name in RESERVED_NAMES and not connections(db, org, name):  # it may be older than the page
        raise ConfigurationError(f"“{name}” cannot name a connection: a page of the Explorer has that address.")
    config = parse_settings(source(provider), given)
    check_partition(db, org, provider)
    public, given_secrets, address = _split(source(provider), config)
    _check_former(db, org, name, provider, address)
    kept = _kept(db, settings, org, source(provider), name, address)
    secrets = {**kept, **given_secrets}
    hooks = source(provider).webhooks
    if hooks is not None and secrets.get(hooks.secret_field) != kept.get(hooks.secret_field):
        long_enough(secrets[hooks.secret_field])
    if not settings.allow_private_hosts:
        try:
            check_public(urlsplit(address).hostname or "")
        except PrivateAddress as error:
            raise ConfigurationError(str(error)) from None
    sealed = encrypt(settings.encryption_keys, secrets, bound_to=f"{org.org_id}/{name}")
    try:
        with db.org(org.org_id) as tx:
            made = execute(
                tx,
                _SQL["upsert_connection"],
                name=name,
                provider=provider,
                store_url=address,
                credentials=sealed,
                settings=json.dumps(public),
            ).first()
            if made is None:
                raise ConfigurationError(f"“{name}” is a connection of another provider. Choose another name.")
            journal.record(
                tx, "connect.saved", actor=actor, connection_id=made.connection_id, name=name, provider=provider
            )
    except IntegrityError as error:
        if isinstance(error.orig, psycopg.errors.CheckViolation):
            raise ConfigurationError(
                f"“{name}” cannot name a connection. Use letters, digits, space, _ . and -, at most 63."
            ) from None
        raise
    return connection(db, org, name)


def check_partition(db: Database, org: Organization, provider: str) -> None:
    """Check that the database can hold what a provider's stores answer.

    Raises:
        ConfigurationError: it has no partition for them.
    """
    with db.org(org.org_id) as conn:
        if not execute(conn, _SQL["has_partition"], provider=provider).scalar_one():
            raise ConfigurationError(
                f"The provider {provider} has no partition for its records, capture.{provider}_sync. Make it in a "
                "migration: CONTRIBUTING, “A new provider”, step 5. Then run `sync-pipeline db migrate`."
            )


def _check_former(db: Database, org: Organization, name: str, provider: str, address: str) -> None:
    for former in former_connections(db, org, name):
        if (former.provider, former.store_url) != (provider, address):
            raise ConfigurationError(
                f"“{name}” is kept for {former.store_url}, which was disconnected: what was captured from there has "
                "this name. Choose another name, or connect that store again."
            )


def long_enough(webhook_secret: str) -> None:
    """Check a new secret of webhooks. One that is set already goes on signing.

    Raises:
        ConfigurationError: it is so short that somebody could find it from one signed delivery.
    """
    length = len(webhook_secret.strip())
    if length < SHORTEST_WEBHOOK_SECRET:
        raise ConfigurationError(
            f"This secret of webhooks has {length} characters; it needs at least {SHORTEST_WEBHOOK_SECRET}. Who sees a "
            "delivery could find a short one. Make a random one: openssl rand -hex 32"
        )


def rotate_credentials(
    db: Database, settings: Settings, org: Organization, conn: Connection, given: Mapping[str, Any], *, actor: str
) -> Connection:
    """Replace the secrets in `given`, and the address if it is among them; other settings stay.

    A new address needs all secrets: old ones are never sent to a new place.

    Raises:
        ConfigurationError: `given` names something that is not a credential, or one is missing.
    """
    return add_connection(db, settings, org, conn.provider, conn.name, rotated(settings, conn, given), actor=actor)


def rotated(settings: Settings, conn: Connection, given: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of the connection with the credentials in `given`. A new address keeps no secret of the old one.

    Raises:
        ConfigurationError: `given` names something that is not a credential.
    """
    provider = conn.source
    allowed = {*provider.secret_fields, provider.address_field}
    unknown = set(given) - allowed
    if unknown:
        raise ConfigurationError(
            f"Not a credential of {provider.title}: {', '.join(f'“{one}”' for one in sorted(unknown))}. "
            f"There are: {', '.join(sorted(allowed))}."
        )
    moves = given.get(provider.address_field, conn.store_url) != conn.store_url
    # Where all are given the old ones are not needed: no key may open them any longer.
    whole = all(name in given for name in provider.secret_fields if provider.settings.model_fields[name].is_required())
    return {**_public(conn), **({} if moves or whole else opened(settings, conn)), **given}


def rotate_keys(db: Database, settings: Settings) -> int:
    """Encrypt every connection's credentials with the newest key and rewrite its settings in canonical form.

    Returns how many connections there are.
    """
    every = [(org, conn) for org in organizations(db) for conn in connections(db, org)]
    for org, conn in every:
        with db.org(org.org_id) as tx:
            now = execute(tx, _SQL["lock_connection"], connection_id=conn.connection_id).one()
            secrets = opened(settings, conn, now.credentials)
            given = {**now.settings, conn.source.address_field: now.store_url, **secrets}
            public, secrets, address = _split(conn.source, parse_settings(conn.source, given))
            save_secrets(tx, settings, conn, secrets, public=public, address=address)
    return len(every)


def _kept(
    db: Database, settings: Settings, org: Organization, provider: Source, name: str, address: str
) -> dict[str, str]:
    """The secrets that new credentials of the same store keep, such as a webhook's."""
    optional = [one for one in provider.secret_fields if not provider.settings.model_fields[one].is_required()]
    for known in connections(db, org, name) if optional else ():
        if known.provider == provider.name and known.store_url == address:
            try:
                secrets = opened(settings, known)
            except ConfigurationError:  # no key decrypts them: connecting again is the remedy
                return {}
            return {one: secrets[one] for one in optional if one in secrets}
    return {}


def _split(provider: Source, config: ConnectionSettings) -> tuple[dict[str, Any], dict[str, str], str]:
    """Public settings that differ from the defaults, secrets, and the address."""
    secrets = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name in provider.secret_fields
        if (value := getattr(config, name)) is not None
    }
    hidden = {*provider.secret_fields, provider.address_field}
    public = config.model_dump(mode="json", exclude=hidden, exclude_defaults=True)
    return public, secrets, str(getattr(config, provider.address_field))

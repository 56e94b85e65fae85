"""Organizations and their connections. Secrets are decrypted here, when a client is made, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import psycopg.errors
from pydantic import SecretStr, ValidationError
from sqlalchemy.exc import IntegrityError

from sync_pipeline import journal
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError, NotFound, conceal, redact
from sync_pipeline.gates.currency_conflict import CAUSE
from sync_pipeline.sources.base import Client, Finding, Source, source
from sync_pipeline.sources.network import PrivateAddress, check_public
from sync_pipeline.sources.settings import ConnectionSettings
from sync_pipeline.steps.connect.credentials import decrypt, encrypt

SKU_POLICIES = ("source_wins", "core_wins", "halt")
_SQL = load(__package__)


@dataclass(frozen=True, slots=True)
class Organization:
    """A tenant. `slug` is its Dagster partition key."""

    org_id: int
    slug: str
    name: str
    currency: str | None
    removed_at: datetime | None
    providers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Connection:
    """One store of an organization, without its secrets."""

    org_id: int
    connection_id: int
    name: str
    provider: str
    store_url: str
    settings: Mapping[str, Any]
    health: str
    health_detail: str | None
    last_sync_at: datetime | None
    sealed: bytes = field(repr=False)

    @property
    def source(self) -> Source:
        """Its provider."""
        return source(self.provider)

    def common(self) -> ConnectionSettings:
        """The settings every provider shares, with this provider's defaults.

        One that was stored before its bounds were drawn counts as unset here; what needs it says so.
        """
        shared = ConnectionSettings.model_fields
        usual = {k: f.get_default(call_default_factory=True) for k, f in self.source.settings.model_fields.items()}
        given = {k: v for k, v in {**usual, **self.settings}.items() if k in shared}
        try:
            return ConnectionSettings(**given)
        except ValidationError as error:
            wrong = {one["loc"][0] for one in error.errors()}
            return ConnectionSettings(**{k: usual[k] if k in wrong else v for k, v in given.items()})


def add_organization(db: Database, slug: str, name: str | None = None) -> Organization:
    """Make an organization, or rename the one that is there.

    Raises:
        ConfigurationError: the slug is no partition key.
    """
    with db.unscoped() as conn:
        org_id = int(execute(conn, _SQL["next_org_id"]).scalar_one())
    try:
        with db.org(org_id) as conn:
            made = execute(conn, _SQL["add_organization"], org_id=org_id, slug=slug, name=name or slug).first()
    except IntegrityError as error:
        if isinstance(error.orig, psycopg.errors.CheckViolation):
            raise ConfigurationError(
                f"“{slug}” cannot name an organization: lower-case letters, digits, - and _, at most 63, and a "
                "letter or digit first."
            ) from None
        raise
    found = organization(db, slug) if made else _any_organization(db, slug)
    if not made and (name or found.removed_at):
        with db.org(found.org_id) as conn:
            execute(conn, _SQL["rename_organization"], name=name or found.name)
        found = organization(db, slug)
    return found


def set_sku_policy(db: Database, org: Organization, policy: str, *, actor: str) -> None:
    """What decides where a SKU is in conflict: source_wins, core_wins, or halt, which opens a gate.

    Raises:
        ConfigurationError: there is no such policy.
    """
    if policy not in SKU_POLICIES:
        raise ConfigurationError(f"“{policy}” is no SKU policy. There are: {', '.join(SKU_POLICIES)}.")
    with db.org(org.org_id) as conn:
        execute(conn, _SQL["set_sku_policy"], policy=policy)
        journal.record(conn, "organization.sku_policy", actor=actor, policy=policy)


def organizations(db: Database) -> Sequence[Organization]:
    """Every organization that was not removed, oldest first."""
    return [org for org in _everyone(db) if org.removed_at is None]


def organization(db: Database, slug: str) -> Organization:
    """The organization called `slug`.

    Raises:
        NotFound: saying how to make it.
    """
    found = _any_organization(db, slug)
    if found.removed_at is not None:
        raise NotFound(f"The organization “{slug}” was removed. `sync-pipeline org add {slug}` brings it back.")
    return found


def _everyone(db: Database) -> Sequence[Organization]:
    with db.unscoped() as conn:
        rows = execute(conn, _SQL["list_organizations"]).all()
    return [Organization(r.org_id, r.slug, r.name, r.currency, r.removed_at, tuple(r.providers)) for r in rows]


def _any_organization(db: Database, slug: str) -> Organization:
    for org in _everyone(db):
        if org.slug == slug:
            return org
    raise NotFound(f"There is no organization “{slug}”. Make it with `sync-pipeline org add {slug}`.")


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
    """Connect a store: its settings in canonical form, its secrets encrypted.

    Raises:
        ConfigurationError: a setting is missing or wrong, or the address is private and that is not allowed.
    """
    config = _parse(source(provider), given)
    public, secret, address = _split(source(provider), config)
    secret = {**_kept(db, settings, org, source(provider), name, address), **secret}
    if not settings.allow_private_hosts:
        try:
            check_public(urlsplit(address).hostname or "")
        except PrivateAddress as error:
            raise ConfigurationError(str(error)) from None
    token = encrypt(settings.encryption_keys, secret, bound_to=f"{org.org_id}/{name}")
    try:
        with db.org(org.org_id) as conn:
            made = execute(
                conn,
                _SQL["upsert_connection"],
                name=name,
                provider=provider,
                store_url=address,
                credentials=token,
                settings=json.dumps(public),
            ).first()
            if made is None:
                raise ConfigurationError(f"“{name}” is a connection of another provider. Choose another name.")
            journal.record(
                conn,
                "connect.saved",
                actor=actor,
                connection_id=made.connection_id,
                name=name,
                provider=provider,
            )
    except IntegrityError as error:
        if isinstance(error.orig, psycopg.errors.CheckViolation):
            raise ConfigurationError(
                f"“{name}” cannot name a connection: letters, digits, space, _ . and -, at most 63."
            ) from None
        raise
    return connection(db, org, name)


def _kept(
    db: Database, settings: Settings, org: Organization, provider: Source, name: str, address: str
) -> dict[str, str]:
    """Secrets that are not credentials (a webhook's) outlive new credentials of the same store."""
    optional = [one for one in provider.secret_fields if not provider.settings.model_fields[one].is_required()]
    for known in connections(db, org, name) if optional else ():
        if known.provider == provider.name and known.store_url == address:
            try:
                secrets = decrypt(settings.encryption_keys, known.sealed, bound_to=f"{org.org_id}/{name}")
            except ConfigurationError:  # no key opens them any more: connecting again is the way out
                return {}
            return {one: secrets[one] for one in optional if one in secrets}
    return {}


def connections(db: Database, org: Organization, name: str | None = None) -> Sequence[Connection]:
    """The org's connections, in the order they were made; only the one called `name` if given."""
    with db.org(org.org_id) as conn:
        rows = execute(conn, _SQL["connections"], name=name).all()
    return [
        Connection(
            org.org_id,
            r.connection_id,
            r.name,
            r.provider,
            r.store_url,
            r.settings,
            r.health,
            r.health_detail,
            r.last_sync_at,
            bytes(r.credentials),
        )
        for r in rows
    ]


def connection(db: Database, org: Organization, name: str) -> Connection:
    """The connection called `name`.

    Raises:
        NotFound: listing the connections there are.
    """
    found = connections(db, org, name)
    if not found:
        known = ", ".join(c.name for c in connections(db, org)) or "none yet"
        raise NotFound(f"{org.slug} has no connection “{name}”. There are: {known}.")
    return found[0]


def client_for(settings: Settings, conn: Connection) -> Client:
    """A client of this connection; the caller closes it."""
    secrets = decrypt(settings.encryption_keys, conn.sealed, bound_to=f"{conn.org_id}/{conn.name}")
    conceal(*secrets.values())
    config = _parse(conn.source, {**conn.settings, conn.source.address_field: conn.store_url, **secrets})
    return conn.source.connect(config, allow_private=settings.allow_private_hosts)


def diagnose(db: Database, settings: Settings, conn: Connection) -> Sequence[Finding]:
    """Run the provider's doctor and remember the connection's health."""
    client = client_for(settings, conn)
    try:
        findings = [replace(f, message=redact(f.message), remedy=redact(f.remedy)) for f in client.doctor()]
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


def update_settings(db: Database, conn: Connection, changes: Mapping[str, Any], *, actor: str) -> None:
    """Change settings that hold no secret; the audit log has what they are now.

    Raises:
        ConfigurationError: no such setting, or a wrong value.
    """
    allowed = set(conn.source.settings.model_fields) - set(conn.source.secret_fields) - {conn.source.address_field}
    unknown = set(changes) - allowed
    if unknown:
        raise ConfigurationError(
            f"No such setting: {', '.join(sorted(unknown))}. There are: {', '.join(sorted(allowed))}."
        )
    dummy = dict.fromkeys(conn.source.secret_fields, "x")
    checked = _parse(
        conn.source, {**conn.settings, **changes, conn.source.address_field: conn.store_url, **dummy}
    ).model_dump(mode="json")
    changed = {name: checked[name] for name in changes}
    with db.org(conn.org_id) as tx:
        execute(
            tx,
            _SQL["set_settings"],
            connection_id=conn.connection_id,
            settings=json.dumps(changed),
        )
        journal.record(tx, "connect.settings_changed", actor=actor, connection_id=conn.connection_id, settings=changed)
        if changes.get("currency"):
            journal.gate_gone(
                tx,
                CAUSE.name,
                connection_id=conn.connection_id,
                entity_type=None,
                but=[],
                outcome=f"the store's prices were set to be in {changes['currency']}",
                actor=actor,
            )


def rotate_keys(db: Database, settings: Settings) -> int:
    """Rewrite every connection's credentials and settings: encrypted with the newest key, in canonical form."""
    rewritten = 0
    for org in organizations(db):
        for conn in connections(db, org):
            bound_to = f"{org.org_id}/{conn.name}"
            with db.org(org.org_id) as tx:
                now = execute(tx, _SQL["hold"], connection_id=conn.connection_id).one()
                secrets = decrypt(settings.encryption_keys, bytes(now.credentials), bound_to=bound_to)
                config = _parse(conn.source, {**now.settings, conn.source.address_field: now.store_url, **secrets})
                public, secret, address = _split(conn.source, config)
                execute(
                    tx,
                    _SQL["set_credentials"],
                    connection_id=conn.connection_id,
                    credentials=encrypt(settings.encryption_keys, secret, bound_to=bound_to),
                    settings=json.dumps(public),
                    store_url=address,
                )
            rewritten += 1
    return rewritten


def _parse(provider: Source, given: Mapping[str, Any]) -> ConnectionSettings:
    try:
        return provider.settings.model_validate(dict(given))
    except ValidationError as error:
        # The error's own text quotes the input, and with it a secret.
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}" for e in error.errors()[:10])
        raise ConfigurationError(
            f"The settings of this {provider.title} connection are not right: {problems}"
        ) from None


def _split(provider: Source, config: ConnectionSettings) -> tuple[dict[str, Any], dict[str, str], str]:
    """Public settings that differ from the defaults, secrets, and the address."""
    secret = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name in provider.secret_fields
        if (value := getattr(config, name)) is not None
    }
    public = config.model_dump(
        mode="json", exclude={*provider.secret_fields, provider.address_field}, exclude_defaults=True
    )
    return public, secret, str(getattr(config, provider.address_field))

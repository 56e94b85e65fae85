"""Organizations: the tenants that every row belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg.errors
from sqlalchemy.exc import IntegrityError

from sync_pipeline import journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError, NotFound
from sync_pipeline.sources.base import source

SKU_POLICIES = ("source_wins", "core_wins", "halt")
RESERVED = frozenset({"login", "static"})  # /ui/login, /ui/static
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


def add_organization(db: Database, slug: str, name: str | None = None) -> Organization:
    """Create an organization; rename or restore an existing one.

    Raises:
        ConfigurationError: the slug cannot be a partition key, or is an address of the Explorer's own.
    """
    if slug in RESERVED:
        raise ConfigurationError(f"“{slug}” cannot name an organization: a page of the Explorer has that address.")
    with db.unscoped() as conn:
        org_id = int(execute(conn, _SQL["next_org_id"]).scalar_one())
    try:
        with db.org(org_id) as conn:
            made = execute(conn, _SQL["add_organization"], org_id=org_id, slug=slug, name=name or slug).first()
    except IntegrityError as error:
        if isinstance(error.orig, psycopg.errors.CheckViolation):
            raise ConfigurationError(
                f"“{slug}” cannot name an organization. Use lower-case letters, digits, - and _, at most 63, and start "
                "with a letter or digit."
            ) from None
        raise
    found = organization(db, slug) if made else _find(db, slug)
    if not made and (name or found.removed_at):
        with db.org(found.org_id) as conn:
            execute(conn, _SQL["rename_organization"], name=name or found.name)
        found = organization(db, slug)
    return found


@dataclass(frozen=True, slots=True)
class Policy:
    """Who wins: a SKU conflict, and a field that several stores of one core row have; and who may approve.

    With `four_eyes` nobody approves what they proposed or planned.
    """

    sku_policy: str
    provider_priority: Sequence[str]
    four_eyes: bool = False


def policy(db: Database, org: Organization) -> Policy:
    """The organization's policy."""
    with db.org(org.org_id) as conn:
        row = execute(conn, _SQL["policy"]).one()
    return Policy(row.sku_policy, row.provider_priority, row.four_eyes)


def set_policy(
    db: Database,
    org: Organization,
    *,
    sku: str | None = None,
    priority: Sequence[str] | None = None,
    four_eyes: bool | None = None,
    actor: str,
    why: str | None = None,
) -> Policy:
    """Change what is given, from the next promotion on; returns the organization's policy.

    `sku`: source_wins, core_wins, or halt, which opens a gate. `priority`: providers, the first of which wins; those
    that are not named follow. `four_eyes`: somebody else approves.

    Raises:
        ConfigurationError: unknown policy or provider, or one is named twice.
    """
    if sku is not None and sku not in SKU_POLICIES:
        raise ConfigurationError(f"Unknown SKU policy “{sku}”. Use one of: {', '.join(SKU_POLICIES)}.")
    for name in priority or ():
        source(name)
    if priority is not None and len(set(priority)) < len(priority):
        raise ConfigurationError(f"A provider is named twice: {', '.join(priority)}.")
    changes: dict[str, Any] = {"sku": sku, "priority": None if priority is None else list(priority)}
    changes["four_eyes"] = four_eyes
    with db.org(org.org_id) as conn:
        row = execute(conn, _SQL["set_policy"], **changes).one()
        changed = {name: value for name, value in changes.items() if value is not None}
        if changed:
            detail = {**changed, "why": why} if why else changed
            journal.record(conn, "organization.policy", actor=actor, **detail)
    return Policy(row.sku_policy, row.provider_priority, row.four_eyes)


def organizations(db: Database) -> Sequence[Organization]:
    """All organizations that were not removed, oldest first."""
    return [org for org in _all(db) if org.removed_at is None]


def organization(db: Database, slug: str) -> Organization:
    """The organization with this slug.

    Raises:
        NotFound: unknown or removed; says how to create it.
    """
    found = _find(db, slug)
    if found.removed_at is not None:
        raise NotFound(f"The organization “{slug}” was removed. Restore it with `sync-pipeline org add {slug}`.")
    return found


def _all(db: Database) -> Sequence[Organization]:
    with db.unscoped() as conn:
        rows = execute(conn, _SQL["list_organizations"]).all()
    return [Organization(r.org_id, r.slug, r.name, r.currency, r.removed_at, tuple(r.providers)) for r in rows]


def _find(db: Database, slug: str) -> Organization:
    for org in _all(db):
        if org.slug == slug:
            return org
    raise NotFound(f"There is no organization “{slug}”. Create it with `sync-pipeline org add {slug}`.")

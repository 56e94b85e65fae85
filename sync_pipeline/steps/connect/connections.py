"""Connections: the stores of an organization and their settings, without their secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from sync_pipeline import gates, invalid, journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError, NotFound
from sync_pipeline.gates.causes.currency_conflict import CAUSE as CURRENCY_CONFLICT
from sync_pipeline.sources.base import Source, source
from sync_pipeline.sources.settings import ConnectionSettings
from sync_pipeline.steps.connect.organizations import Organization

_SQL = load(__package__)


@dataclass(frozen=True, slots=True)
class Connection:
    """One store of an organization. `sealed` holds its encrypted secrets."""

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

    @property
    def webhook_path(self) -> str:
        """Where the store sends its webhooks, below the service's own address."""
        return f"/api/v1/webhooks/{self.provider}/{self.connection_id}"

    def effective(self) -> dict[str, Any]:
        """Every setting but its address and secrets, with the defaults of what is not set."""
        hidden = {*self.source.secret_fields, self.source.address_field}
        fields = self.source.settings.model_fields
        own = {k: f.get_default(call_default_factory=True) for k, f in fields.items() if not f.is_required()}
        every = {**own, **self.common().model_dump(mode="json"), **self.settings}
        return {name: value for name, value in every.items() if name not in hidden}

    def common(self) -> ConnectionSettings:
        """The settings that all providers share, with this provider's defaults.

        A stored value outside today's bounds counts as unset; `parse_settings` reports it.
        """
        shared = ConnectionSettings.model_fields
        usual = {k: f.get_default(call_default_factory=True) for k, f in self.source.settings.model_fields.items()}
        given = {k: v for k, v in {**usual, **self.settings}.items() if k in shared}
        try:
            return ConnectionSettings(**given)
        except ValidationError as error:
            wrong = {one["loc"][0] for one in error.errors()}
            return ConnectionSettings(**{k: usual[k] if k in wrong else v for k, v in given.items()})


def connections(db: Database, org: Organization, name: str | None = None) -> Sequence[Connection]:
    """The organization's connections, oldest first; only the one called `name` if given."""
    with db.org(org.org_id) as conn:
        return [Connection(org.org_id, **row._mapping) for row in execute(conn, _SQL["connections"], name=name)]


def connection(db: Database, org: Organization, name: str) -> Connection:
    """The connection called `name`.

    Raises:
        NotFound: lists the connections there are.
    """
    found = connections(db, org, name)
    if not found:
        known = ", ".join(c.name for c in connections(db, org)) or "none yet"
        raise NotFound(f"{org.slug} has no connection “{name}”. There are: {known}.")
    return found[0]


def update_settings(db: Database, conn: Connection, changes: Mapping[str, Any], *, actor: str) -> None:
    """Change settings that are not secret. The audit log keeps the new values.

    Raises:
        ConfigurationError: unknown setting or invalid value.
    """
    allowed = set(conn.source.settings.model_fields) - set(conn.source.secret_fields) - {conn.source.address_field}
    unknown = set(changes) - allowed
    if unknown:
        raise ConfigurationError(
            f"No such setting: {', '.join(sorted(unknown))}. There are: {', '.join(sorted(allowed))}."
        )
    dummy = dict.fromkeys(conn.source.secret_fields, "x")
    given = {**conn.settings, **changes, conn.source.address_field: conn.store_url, **dummy}
    checked = parse_settings(conn.source, given).model_dump(mode="json")
    changed = {name: checked[name] for name in changes}
    with db.org(conn.org_id) as tx:
        execute(tx, _SQL["set_settings"], connection_id=conn.connection_id, settings=json.dumps(changed))
        journal.record(tx, "connect.settings_changed", actor=actor, connection_id=conn.connection_id, settings=changed)
        if changes.get("currency"):
            outcome = f"the store's prices were set to be in {changes['currency']}"
            here = conn.connection_id
            gates.end_gates(
                tx, CURRENCY_CONFLICT, connection_id=here, entity_type=None, keep=[], outcome=outcome, actor=actor
            )


def parse_settings(provider: Source, given: Mapping[str, Any]) -> ConnectionSettings:
    """`given` as the provider's settings.

    Raises:
        ConfigurationError: a setting is missing or invalid. The message does not quote it.
    """
    try:
        return provider.settings.model_validate(dict(given))
    except ValidationError as error:
        # The error's own text quotes the input, which may be a secret.
        problems = invalid.sentences(error.errors(), "settings")
        raise ConfigurationError(
            f"The settings of this {provider.title} connection are not valid: {problems}"
        ) from None

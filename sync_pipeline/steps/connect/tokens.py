"""API tokens. Only a token's SHA-256 is stored: it has 256 random bits, so no salt is needed."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from sync_pipeline import journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import load, run
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.steps.connect.service import Connection, Organization

_SQL = load(__package__, "tokens.sql")

ROLES = ("viewer", "operator", "admin", "plugin", "agent")


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is made. `plain` is shown once and cannot be shown again."""

    token_id: int
    role: str
    connection: str | None
    expires_at: datetime | None
    plain: str = field(repr=False)


def token_hash(plain: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(plain.encode()).digest()


def add_token(
    db: Database,
    org: Organization,
    role: str,
    *,
    connection: Connection | None = None,
    expires: datetime | None = None,
    actor: str,
) -> Token:
    """Make a token. It begins with its organization's number, which says where to look for its hash.

    Raises:
        ConfigurationError: no such role, or a plugin's token without the connection it writes to.
    """
    if role not in ROLES:
        raise ConfigurationError(f"“{role}” is no role. There are: {', '.join(ROLES)}.")
    if role == "plugin" and connection is None:
        raise ConfigurationError("A plugin's token belongs to one connection: say which with --connection.")
    plain = f"sp_{org.org_id}_{secrets.token_urlsafe(32)}"
    with db.org(org.org_id) as conn:
        token_id = int(
            run(
                conn,
                _SQL["add_token"],
                token_hash=token_hash(plain),
                role=role,
                connection_id=connection.connection_id if connection else None,
                expires_at=expires,
            ).scalar_one()
        )
        journal.record(
            conn,
            "token.added",
            actor=actor,
            connection_id=connection.connection_id if connection else None,
            token=token_id,
            role=role,
        )
    return Token(token_id, role, connection.name if connection else None, expires, plain)

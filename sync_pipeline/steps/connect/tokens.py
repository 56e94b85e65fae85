"""API tokens. Only a token's SHA-256 is stored: it has 256 random bits, so no salt is needed."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, get_args

from pydantic import Field
from sqlalchemy import Connection as Transaction

from sync_pipeline import journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError, NotFound, TokenNotValid
from sync_pipeline.steps.connect.connections import Connection
from sync_pipeline.steps.connect.limits import pace, rate_limited
from sync_pipeline.steps.connect.organizations import Organization

_SQL = load(__package__, "tokens.sql")

Role = Literal["viewer", "operator", "admin", "plugin", "agent"]
ROLES: tuple[Role, ...] = get_args(Role)
_SHAPE = re.compile(r"sp_([0-9]{1,18})_([A-Za-z0-9_-]{43})")
MOST_DAYS = 3660  # of a token: ten years
_SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Token:
    """A new token. `plain` is shown once and cannot be shown again."""

    token_id: int
    role: Role
    connection: str | None
    expires_at: datetime | None
    plain: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token, without its text."""

    token_id: int
    role: Role
    name: str | None
    connection: str | None
    user: Annotated[str | None, Field(description="The user of a session.")]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    unmasked: Annotated[bool, Field(description="An agent reads personal data with it.")] = False


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a call: the organization, the role, and the name in the audit log.

    `connection_id` is set where the token is bound to one connection; `user_id` where it is a person's session. An
    agent reads personal data masked, unless its token is `unmasked`.
    """

    org: Organization
    token_id: int
    role: Role
    actor: str
    connection_id: int | None = None
    user_id: int | None = None
    unmasked: bool = False


def token_hash(plain: str) -> bytes:
    """The hash that is stored of a token."""
    return hashlib.sha256(plain.encode()).digest()


def add_token(  # noqa: PLR0913 - what a token is
    db: Database,
    org: Organization,
    role: str,
    *,
    connection: Connection | None = None,
    name: str | None = None,
    days: float | None = None,
    unmasked: bool = False,
    actor: str,
) -> Token:
    """Create a token. Its text starts with the organization's id, so that its hash can be looked up there.

    `days`: until it expires; it does not if not given. `unmasked`: an agent reads personal data with it; the audit log
    says who allowed that.

    Raises:
        ConfigurationError: unknown role, a plugin's token without a connection, days that are not more than 0 and at
            most 3,660, or `unmasked` for a role that always reads personal data.
    """
    if role not in ROLES:
        raise ConfigurationError(f"Unknown role “{role}”. Use one of: {', '.join(ROLES)}.")
    if role == "plugin" and connection is None:
        raise ConfigurationError("A plugin's token belongs to one connection. Name the connection.")
    if unmasked and role != "agent":
        raise ConfigurationError(f"Only an agent's token can be unmasked: the role {role} reads no pseudonyms.")
    if days is not None and not 0 < days <= MOST_DAYS:
        raise ConfigurationError(f"A token expires after more than 0 days and at most {MOST_DAYS:,}. Give that many.")
    expires = datetime.now(UTC) + timedelta(days=days) if days is not None else None
    bound_to = connection.connection_id if connection else None
    with db.org(org.org_id) as conn:
        token_id, plain = new_token(
            conn, org, role, connection_id=bound_to, name=name, expires=expires, unmasked=unmasked
        )
        shown: dict[str, Any] = {"token": token_id, "role": role} | ({"unmasked": True} if unmasked else {})
        journal.record(conn, "token.added", actor=actor, connection_id=bound_to, **shown)
    return Token(token_id, role, connection.name if connection else None, expires, plain)


def new_token(  # noqa: PLR0913 - the columns of the row
    conn: Transaction,
    org: Organization,
    role: str,
    *,
    connection_id: int | None = None,
    user_id: int | None = None,
    name: str | None = None,
    expires: datetime | None = None,
    unmasked: bool = False,
) -> tuple[int, str]:
    """Store a new token's hash, in the caller's transaction; returns its id and its text."""
    plain = f"sp_{org.org_id}_{secrets.token_urlsafe(32)}"
    token_id = execute(
        conn,
        _SQL["add_token"],
        token_hash=token_hash(plain),
        role=role,
        connection_id=connection_id,
        user_id=user_id,
        name=name,
        expires_at=expires,
        unmasked=unmasked,
    ).scalar_one()
    return int(token_id), plain


def authenticate(db: Database, plain: str, *, per_minute: int | None = None) -> Caller:
    """The caller that this token belongs to; counts one call against its rate limit.

    Raises:
        TokenNotValid: the token is unknown, expired or revoked, or its organization or user was removed. The error
            does not say which.
        RateLimited: its rate limit is reached.
    """
    shape = _SHAPE.fullmatch(plain)
    if shape is None:
        raise TokenNotValid()
    org_id = int(shape[1])
    rate = pace(per_minute) if per_minute else {"every": None, "burst": None}
    with db.org(org_id, async_commit=True) as conn:
        row = execute(conn, _SQL["find_token"], token_hash=token_hash(plain), **rate).one_or_none()
        if row is None:
            raise TokenNotValid()
        if not row.taken:
            raise rate_limited(conn, f"token:{row.token_id}", rate, per_minute or 0)
        if row.last_used_at is None or datetime.now(UTC) - row.last_used_at > _SEEN_EVERY:
            execute(conn, _SQL["token_used"], token_id=row.token_id)
    return Caller(
        Organization(org_id, row.slug, row.org_name, row.currency, None),
        row.token_id,
        row.role,
        row.email or (f"token:{row.name}" if row.name else f"token:{row.token_id}"),
        row.connection_id,
        row.user_id,
        row.unmasked,
    )


def valid_tokens(db: Database, org_id: int, token_ids: Sequence[int]) -> set[int]:
    """Those of these tokens that are still valid, for calls that last longer than their authentication."""
    with db.org(org_id) as conn:
        return set(execute(conn, _SQL["valid_tokens"], token_ids=list(token_ids)).scalars())


def list_tokens(db: Database, org: Organization, *, user_id: int | None = None) -> Sequence[TokenRow]:
    """The organization's tokens and active sessions, newest first; only the sessions of this user if given."""
    with db.org(org.org_id) as conn:
        return [TokenRow(**row._mapping) for row in execute(conn, _SQL["tokens"], user_id=user_id)]


def revoke_token(db: Database, org: Organization, token_id: int, *, user_id: int | None = None, actor: str) -> None:
    """Revoke a token now. Revoking it twice changes nothing. With `user_id` only a session of this user is revoked.

    Raises:
        NotFound: no such token.
    """
    with db.org(org.org_id) as conn:
        row = execute(conn, _SQL["revoke_token"], token_id=token_id, user_id=user_id).one_or_none()
        if row is None:
            raise NotFound(f"There is no token {token_id}.")
        journal.record(conn, "token.revoked", actor=actor, connection_id=row.connection_id, token=token_id)

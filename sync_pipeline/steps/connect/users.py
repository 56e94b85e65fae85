"""Users: people who log in with a password. Their session is a token that expires."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import Field
from sqlalchemy import Connection as Transaction
from sqlalchemy import Row

from sync_pipeline import journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError, Conflict, Forbidden, NotFound, Unauthenticated
from sync_pipeline.steps.connect.limits import consume
from sync_pipeline.steps.connect.organizations import Organization, organization
from sync_pipeline.steps.connect.tokens import Role, new_token

if TYPE_CHECKING:
    from argon2 import PasswordHasher

_SQL = load(__package__, "tokens.sql")
PersonRole = Literal["viewer", "operator", "admin"]
ROLES: tuple[PersonRole, ...] = get_args(PersonRole)
SESSION = timedelta(hours=12)
SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 512
HASH_PROFILE = "RFC_9106_LOW_MEMORY"  # of argon2.profiles: argon2id, 64 MiB, three passes
_ATTEMPTS_PER_MINUTE = 10
_ATTEMPTS_AT_ONCE = 6
_NO_ORGANIZATION = Organization(0, "", "", None, None)  # owns only the login attempts for unknown organizations


@dataclass(frozen=True, slots=True)
class User:
    """A user of an organization."""

    user_id: int
    email: str
    role: PersonRole
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class LoginSession:
    """A session. Its token is shown once."""

    org: Annotated[str, Field(examples=["acme"])]
    role: Role
    expires_at: datetime
    token: Annotated[str, Field(examples=["sp_1_…"])] = field(repr=False)


def add_user(db: Database, org: Organization, email: str, password: str, role: str, *, actor: str) -> User:
    """Add a user.

    Raises:
        ConfigurationError: unknown role, invalid e-mail address, or a password of the wrong length.
        Conflict: the user exists already.
    """
    address = _address(email)
    hashed = _hashed(password)
    _role(role)
    with db.org(org.org_id) as conn:
        user_id = execute(conn, _SQL["add_user"], email=address, password_hash=hashed, role=role).scalar_one_or_none()
        if user_id is None:
            raise Conflict(f"{org.slug} has this user already.")
        journal.record(conn, "user.added", actor=actor, user=user_id, role=role)
    return user(db, org, user_id)


def users(db: Database, org: Organization) -> Sequence[User]:
    """The organization's users, disabled ones included."""
    with db.org(org.org_id) as conn:
        return [User(**row._mapping) for row in execute(conn, _SQL["users"], user_id=None)]


def user(db: Database, org: Organization, user_id: int) -> User:
    """One user.

    Raises:
        NotFound: the organization has no such user.
    """
    with db.org(org.org_id) as conn:
        row = execute(conn, _SQL["users"], user_id=user_id).one_or_none()
    if row is None:
        raise NotFound(f"There is no user {user_id}.")
    return User(**row._mapping)


def change_user(
    db: Database,
    org: Organization,
    user_id: int,
    *,
    role: str | None = None,
    password: str | None = None,
    disabled: bool | None = None,
    actor: str,
) -> User:
    """Change a user's role or password, disable or enable them. A new password and disabling end all sessions.

    Raises:
        NotFound: the organization has no such user.
        ConfigurationError: unknown role, or a password of the wrong length.
        Conflict: no admin would be left who can log in.
    """
    if role is not None:
        _role(role)
    hashed = _hashed(password) if password is not None else None
    with db.org(org.org_id) as conn:
        if disabled or role not in (None, "admin"):
            _another_admin(conn, org, user_id)
        changed = execute(
            conn, _SQL["change_user"], user_id=user_id, role=role, password_hash=hashed, disabled=disabled
        ).one_or_none()
        if changed is None:
            raise NotFound(f"There is no user {user_id}.")
        if hashed is not None or disabled:
            execute(conn, _SQL["end_sessions"], user_id=user_id, but=None)
        journal.record(
            conn, "user.changed", actor=actor, user=user_id, role=role, password=password is not None, disabled=disabled
        )
    return user(db, org, user_id)


def refuse_own_change(user_id: int, own_id: int | None, *, role: str | None, disabled: bool | None) -> None:
    """Refuse to let people change their own role or disable themselves.

    Raises:
        Forbidden: `user_id` is their own.
    """
    if user_id == own_id and (disabled or role is not None):
        raise Forbidden("You cannot change your own role or disable yourself. Ask another admin.")


def log_in(db: Database, slug: str, email: str, password: str) -> LoginSession:
    """A session of 12 hours.

    Raises:
        Unauthenticated: unknown organization or user, or a wrong password. Neither the error nor its timing shows
            which.
        RateLimited: too many attempts for this user.
    """
    address = email.strip().lower()
    try:
        org = organization(db, slug)
    except NotFound:
        org = _NO_ORGANIZATION  # goes through the same steps, so that neither limit nor time shows which exist
    found = _known(db, org, slug, address, password)
    if found is None:
        raise Unauthenticated("No such organization, person or password.")
    expires = datetime.now(UTC) + SESSION
    with db.org(org.org_id) as conn:
        execute(conn, _SQL["delete_expired_sessions"])
        token_id, plain = new_token(conn, org, found.role, user_id=found.user_id, name="session", expires=expires)
        journal.record(conn, "user.logged_in", actor=address, user=found.user_id, token=token_id)
    return LoginSession(org.slug, found.role, expires, plain)


def change_own_password(
    db: Database, org: Organization, user_id: int, *, current: str, new: str, session: int, actor: str
) -> None:
    """Change one's own password, with the one that holds now. All sessions end but `session`.

    Raises:
        ConfigurationError: the new password has the wrong length.
        Forbidden: `current` is not the password.
        RateLimited: too many attempts, those to log in included.
    """
    hashed = _hashed(new)
    found = _known(db, org, org.slug, user(db, org, user_id).email, current)
    if found is None or found.user_id != user_id:
        raise Forbidden("That is not your present password. Nothing was changed.")
    with db.org(org.org_id) as conn:
        execute(conn, _SQL["change_user"], user_id=user_id, role=None, password_hash=hashed, disabled=None)
        execute(conn, _SQL["end_sessions"], user_id=user_id, but=session)
        journal.record(conn, "user.changed", actor=actor, user=user_id, role=None, password=True, disabled=None)


def _known(db: Database, org: Organization, slug: str, address: str, password: str) -> Row[Any] | None:
    """Who has this password: user_id, role. An unknown address takes as long, and is limited as well."""
    from argon2.exceptions import Argon2Error, InvalidHashError

    with db.org(org.org_id) as conn:
        execute(conn, _SQL["delete_old_attempts"])
    # Attempts for unknown users count too. The limiter keeps a hash, not the typed address.
    attempt = hashlib.sha256(f"{slug}\n{address}".encode()).hexdigest()
    consume(db, org.org_id, f"login:{attempt}", per_minute=_ATTEMPTS_PER_MINUTE, burst=_ATTEMPTS_AT_ONCE)
    with db.org(org.org_id) as conn:
        found = execute(conn, _SQL["login"], email=address.replace("\x00", " ")).one_or_none()
    stored = found.password_hash if found is not None else None
    try:
        _hasher().verify(stored or _dummy_hash(), password)  # an unknown user takes as long
    except (Argon2Error, InvalidHashError):
        stored = None
    return found if stored is not None else None


def _another_admin(conn: Transaction, org: Organization, user_id: int) -> None:
    # Locked until the transaction ends, so that two admins cannot take each other's role at the same time.
    if execute(conn, _SQL["lock_admins"]).scalars().all() == [user_id]:
        raise Conflict(f"This is the last admin of {org.slug} who can log in. Make somebody else an admin first.")


def _role(role: str) -> None:
    if role not in ROLES:
        raise ConfigurationError(f"Unknown user role “{role}”. Use one of: {', '.join(ROLES)}.")


def _address(email: str) -> str:
    address = email.strip().lower()
    name, _, host = address.partition("@")
    if not name or "." not in host or any(c.isspace() for c in address) or len(address) > 254:
        raise ConfigurationError("That is not a valid e-mail address.")
    return address


def _hashed(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise ConfigurationError(f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.")
    return _hasher().hash(password)


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher, profiles

    return PasswordHasher.from_parameters(getattr(profiles, HASH_PROFILE))


@cache
def _dummy_hash() -> str:
    return _hasher().hash("nobody has this password")

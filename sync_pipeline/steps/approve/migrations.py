"""Migrations that an owner or the owner's agent proposes: tried, reported, approved by a person by hash.

They belong to the deployment, so these functions take the owner's address and no organization. Approvals of them stand
among the others under the organization 0, which is nobody's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import URL, Connection

from sync_pipeline import journal
from sync_pipeline.db import revision
from sync_pipeline.db.owner import deployment
from sync_pipeline.db.proposed.report import Branch, TrialReport
from sync_pipeline.db.proposed.trial import newest, try_migration
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError, Conflict, Forbidden, NotFound, RateLimited
from sync_pipeline.exact_json import to_json
from sync_pipeline.steps.approve.approvals import grant
from sync_pipeline.steps.approve.proposed_migration import ProposedMigration
from sync_pipeline.steps.connect.party import Party

SQL = load("sync_pipeline.steps.approve", "migrations.sql")
AGENTS_AN_HOUR, AGENTS_WAITING = 30, 20
_LONGEST = 200_000  # characters of a script
_WORDS = re.compile(r"[^a-z0-9]+")


def propose_migration(
    url: URL, up: str, down: str, *, why: str, by: Party, name: str | None = None
) -> ProposedMigration:
    """Keep a migration as a proposal. It is tried by `try_proposed`. The same scripts again are the same proposal.

    Raises:
        ConfigurationError: a script is empty or too long, or the database is not at the newest revision.
        RateLimited: agents proposed too many in the last hour.
        Conflict: too many of agents' wait for a person.
    """
    for script, text in (("up", up), ("down", down)):
        if not text.strip() or "\x00" in text:
            raise ConfigurationError(
                f"{script} is empty or holds a NUL character. Give SQL; the way back is part of it."
            )
        if len(text) > _LONGEST:
            raise ConfigurationError(f"{script} has more than {_LONGEST:,} characters. Propose it in parts.")
    newest(url)
    sha256 = revision.digest(up.encode(), down.encode())
    with deployment(url) as conn:
        if by.is_agent and not _read(conn, sha256=sha256):
            _within_limits(conn)
        what = {"name": _named(name or why), "up": up, "down": down, "hash": sha256, "why": why}
        who = {"proposed_by": by.name, "agent": by.is_agent, "client": by.client}
        made = execute(conn, SQL["propose_migration"], **what, **who).scalar_one_or_none()
        if made is not None:
            journal.record(conn, "migration.proposed", actor=by.name, **by.trace, migration=made, hash=sha256)
        return _read(conn, sha256=sha256)[0]


def try_proposed(url: URL, migration_id: int, *, by: Party, branch: Branch | None = None) -> ProposedMigration:
    """Try a proposal on branches of the database and keep the report, in place of an earlier one.

    The audit log keeps the verdict of each trial, and who began it.

    Raises:
        NotFound: no such proposal.
        Conflict: it is refused or applied.
        ConfigurationError: the database is not at the newest revision, or its owner may not make a login.
        Busy: another process tries or applies a migration.
    """
    found = proposed_migration(url, migration_id)
    if found.state in ("refused", "applied"):
        raise Conflict(f"Migration {migration_id} is {found.state}. Propose another one.")
    report = try_migration(url, found.up, found.down, wanted=branch)
    with deployment(url) as conn:
        kept = {"revision": report.revision, "verdict": report.verdict, "report": to_json(report)}
        execute(conn, SQL["store_trial"], migration=migration_id, **kept)
        facts: dict[str, Any] = {"migration": migration_id, "hash": found.hash, "losses": len(report.losses)}
        facts |= {"verdict": report.verdict, "branch": report.branch, "revision": report.revision}
        journal.record(conn, "migration.tried", actor=by.name, **by.trace, **facts)
    return proposed_migration(url, migration_id)


def proposed_migrations(url: URL) -> Sequence[ProposedMigration]:
    """All proposals, newest first."""
    with deployment(url) as conn:
        return _read(conn)


def proposed_migration(url: URL, migration_id: int) -> ProposedMigration:
    """One of them.

    Raises:
        NotFound: there is none of this number.
    """
    with deployment(url) as conn:
        return one_migration(conn, migration_id)


def approve_migration(
    url: URL, migration_id: int, *, sha256: str, by: Party, with_losses: bool = False
) -> ProposedMigration:
    """Approve a proposal, which must have this hash: it can be applied once, within 24 hours.

    `with_losses`: also if its report names rows or values that would be lost.

    Raises:
        NotFound: no such proposal.
        Forbidden: no person approves it.
        Conflict: it has another hash, was not tried at the database's revision, or did not pass.
        ConfigurationError: it would lose data, and `with_losses` is not given.
    """
    current = newest(url)
    with deployment(url) as conn:
        lock(conn, migration_id)
        found = one_migration(conn, migration_id)
        if not by.is_person:
            raise Forbidden("An agent or a token approves no migration: a person does, on the machine itself.")
        if sha256 != found.hash:
            raise Conflict("The migration has a different hash. Read it again before you approve it.")
        may_be_applied(found, current)
        if found.report and found.report.losses and not with_losses:
            raise ConfigurationError(
                f"It would lose data: {'; '.join(found.report.losses)}. If that is meant, approve it --with-losses; "
                "those whose data it is are asked when it is applied."
            )
        grant(conn, "migration", str(migration_id), sha256, by)
        return one_migration(conn, migration_id)


def refuse_migration(url: URL, migration_id: int, *, by: Party, why: str | None = None) -> ProposedMigration:
    """Refuse a proposal; an approval of it is worth nothing any more. Refusing it twice changes nothing.

    Raises:
        NotFound: no such proposal.
        Conflict: it is applied.
    """
    with deployment(url) as conn:
        done = execute(conn, SQL["refuse_migration"], migration=migration_id, actor=by.name, why=why)
        if done.one_or_none() is not None:
            journal.record(conn, "migration.refused", actor=by.name, migration=migration_id, why=why)
        found = one_migration(conn, migration_id)
        if found.state == "applied":
            raise Conflict(f"Migration {migration_id} is applied, as revision {found.applied_as}.")
        return found


def may_be_applied(found: ProposedMigration, current: str) -> None:
    """Its trial, at the database's revision `current`, lets it go on.

    Raises:
        Conflict: it was not tried there, did not pass, is refused or applied.
    """
    again = f"sync-pipeline migration try {found.migration_id}"
    if found.state in ("refused", "applied"):
        raise Conflict(f"Migration {found.migration_id} is {found.state}.")
    if found.verdict != "passed":
        raise Conflict(f"Migration {found.migration_id} is {found.state}. Only what passed its trial can go on.")
    if found.revision != current:
        raise Conflict(
            f"Migration {found.migration_id} was tried at revision {found.revision}, the database is at {current}. Try "
            f"it again: {again}"
        )


def _within_limits(conn: Connection) -> None:
    counted = execute(conn, SQL["proposals_of_agents"]).one()
    if counted.recent >= AGENTS_AN_HOUR:
        raise RateLimited(
            f"Agents proposed {counted.recent} migrations in the last hour. Try again in an hour.", retry_after=3600.0
        )
    if counted.waiting >= AGENTS_WAITING:
        raise Conflict(f"{counted.waiting} migrations of agents wait already. Ask the owner to decide about them.")


def lock(conn: Connection, migration_id: int) -> None:
    """Let nobody else approve, refuse or apply it until the transaction ends."""
    execute(conn, SQL["migration_to_apply"], migration=migration_id)


def one_migration(conn: Connection, migration_id: int) -> ProposedMigration:
    """One of them, in the caller's transaction.

    Raises:
        NotFound: there is none of this number.
    """
    found = _read(conn, migration_id=migration_id)
    if not found:
        raise NotFound(f"There is no migration {migration_id}. List them: sync-pipeline migration list")
    return found[0]


def _read(
    conn: Connection, *, migration_id: int | None = None, sha256: str | None = None
) -> Sequence[ProposedMigration]:
    rows = execute(conn, SQL["proposed_migrations"], migration=migration_id, hash=sha256)
    return [_migration(row._mapping) for row in rows]


def _migration(row: Any) -> ProposedMigration:
    report = msgspec.convert(row["report"], TrialReport) if row["report"] is not None else None
    return ProposedMigration(**{**row, "report": report})


def _named(text: str) -> str:
    """The name of a revision's files: the first words of a text."""
    words = [word for word in _WORDS.split(text.lower()) if word][:6]
    name = "_".join(words)[:60].strip("_")
    return name if name[:1].isalpha() else f"proposed_{name}".strip("_")[:60]

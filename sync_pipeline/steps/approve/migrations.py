"""Migrations that an owner or the owner's agent proposes: tried, reported, approved by a person by hash, applied once.

They belong to the deployment, so these functions take the owner's address and no organization. Approvals of them stand
among the others under the organization 0, which is nobody's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import URL, Connection

from sync_pipeline import journal
from sync_pipeline.db import migrate, revision
from sync_pipeline.db.kept import act_for
from sync_pipeline.db.losses import LossApproval
from sync_pipeline.db.owner import owner_engine
from sync_pipeline.db.proposed.apply import apply_migration
from sync_pipeline.db.proposed.report import Branch, TrialReport
from sync_pipeline.db.proposed.trial import newest, try_migration
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError, Conflict, Forbidden, NotApproved, NotFound, RateLimited
from sync_pipeline.exact_json import to_json
from sync_pipeline.steps.approve.approvals import grant, spend
from sync_pipeline.steps.approve.proposed_migration import Applied, ProposedMigration
from sync_pipeline.steps.connect.party import Party

SQL = load("sync_pipeline.steps.approve", "migrations.sql")
DEPLOYMENT = 0  # as an organization: there is none of this number
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
    with _deployment(url) as conn:
        if by.is_agent and not _read(conn, sha256=sha256):
            _within_limits(conn)
        what = {"name": _named(name or why), "up": up, "down": down, "hash": sha256, "why": why}
        who = {"proposed_by": by.name, "agent": by.is_agent, "client": by.client}
        made = execute(conn, SQL["propose_migration"], **what, **who).scalar_one_or_none()
        if made is not None:
            journal.record(conn, "migration.proposed", actor=by.name, **by.trace, migration=made, hash=sha256)
        return _read(conn, sha256=sha256)[0]


def try_proposed(url: URL, migration_id: int, *, branch: Branch | None = None) -> ProposedMigration:
    """Try a proposal on branches of the database and keep the report, in place of an earlier one.

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
    with _deployment(url) as conn:
        kept = {"revision": report.revision, "verdict": report.verdict, "report": to_json(report)}
        execute(conn, SQL["store_trial"], migration=migration_id, **kept)
        facts: dict[str, Any] = {"migration": migration_id, "verdict": report.verdict, "branch": report.branch}
        journal.record(conn, "migration.tried", actor=found.proposed_by, **facts)
    return proposed_migration(url, migration_id)


def proposed_migrations(url: URL) -> Sequence[ProposedMigration]:
    """All proposals, newest first."""
    with _deployment(url) as conn:
        return _read(conn)


def proposed_migration(url: URL, migration_id: int) -> ProposedMigration:
    """One of them.

    Raises:
        NotFound: there is none of this number.
    """
    with _deployment(url) as conn:
        return _one(conn, migration_id)


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
    with _deployment(url) as conn:
        _lock(conn, migration_id)
        found = _one(conn, migration_id)
        if not by.is_person:
            raise Forbidden("An agent or a token approves no migration: a person does, on the machine itself.")
        if sha256 != found.hash:
            raise Conflict("The migration has a different hash. Read it again before you approve it.")
        _may_be_applied(found, current)
        if found.report and found.report.losses and not with_losses:
            raise ConfigurationError(
                f"It would lose data: {'; '.join(found.report.losses)}. If that is meant, approve it --with-losses; "
                "those whose data it is are asked when it is applied."
            )
        grant(conn, "migration", str(migration_id), sha256, by)
        return _one(conn, migration_id)


def refuse_migration(url: URL, migration_id: int, *, by: Party, why: str | None = None) -> ProposedMigration:
    """Refuse a proposal; an approval of it is worth nothing any more. Refusing it twice changes nothing.

    Raises:
        NotFound: no such proposal.
        Conflict: it is applied.
    """
    with _deployment(url) as conn:
        done = execute(conn, SQL["refuse_migration"], migration=migration_id, actor=by.name, why=why)
        if done.one_or_none() is not None:
            journal.record(conn, "migration.refused", actor=by.name, migration=migration_id, why=why)
        found = _one(conn, migration_id)
        if found.state == "applied":
            raise Conflict(f"Migration {migration_id} is applied, as revision {found.applied_as}.")
        return found


def apply_proposed(
    url: URL, migration_id: int, *, by: Party, approval: LossApproval, versions: Path | None = None
) -> Applied:
    """Apply what a person approved, and write it as a revision's files, which are to be committed.

    The approval is spent with it: if it does not come about, nothing is spent, changed or written.

    Raises:
        NotFound: no such proposal.
        Forbidden: no person applies it.
        NotApproved: nobody has approved exactly these scripts, or longer than 24 hours ago.
        Conflict: it was not tried at the database's revision, did not pass, is refused or applied.
        ConfigurationError, GateClosed, Busy: as `db.proposed.apply` says.
    """
    if not by.is_person:
        raise Forbidden("An agent or a token applies no migration: a person does, on the machine itself.")
    folder = versions or migrate.SQL / "migrations" / "versions"
    before = newest(url)
    with _deployment(url) as conn:
        _lock(conn, migration_id)
        found = _one(conn, migration_id)
        _may_be_applied(found, before)
        if revision.digest(found.up.encode(), found.down.encode()) != found.hash:
            raise Conflict("The stored scripts are not those of the hash. Somebody changed them: propose them again.")
        spent = spend(conn, "migration", str(migration_id), found.hash, by)
        if spent is None:
            raise NotApproved(
                f"Migration {migration_id} is not approved. Read it (`sync-pipeline migration show {migration_id}`), "
                f"then approve it: sync-pipeline migration approve {migration_id} --hash {found.hash}"
            )
        written = _written(found, folder)
        target = written.name[:4]
        try:
            verified = apply_migration(url, found.up, found.down, before=before, target=target, approval=approval)
        except BaseException:
            revision.remove(written)
            raise
        execute(conn, SQL["migration_applied"], migration=migration_id, actor=by.name, target=target)
        detail = {"migration": migration_id, "hash": found.hash, "revision": target, "approval": spent.approval_id}
        journal.record(conn, "migration.applied", actor=by.name, approver=spent.granted_by, **detail)
        done = _one(conn, migration_id)
    return Applied(done, written, verified)


def write_revision(found: ProposedMigration, versions: Path) -> Path:
    """Write a proposal as a revision after the newest in `versions`, byte for byte; returns its folder."""
    source = f"Proposed as migration {found.migration_id} by {_plain(found.proposed_by)}: {_plain(found.why)}"
    after = found.revision or migrate.head()
    return revision.write(versions, found.name, found.up, found.down, source=source, after=after)


def _written(found: ProposedMigration, versions: Path) -> Path:
    try:
        return write_revision(found, versions)
    except OSError as error:
        raise ConfigurationError(
            f"{versions} cannot be written to ({error.strerror}), and nothing was changed. Write the revision into a "
            f"checkout (sync-pipeline migration export {found.migration_id} --out DIR), commit it, and migrate with "
            "that version."
        ) from error


def _may_be_applied(found: ProposedMigration, current: str) -> None:
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
        raise RateLimited(f"Agents proposed {counted.recent} migrations in the last hour.", retry_after=3600.0)
    if counted.waiting >= AGENTS_WAITING:
        raise Conflict(f"{counted.waiting} migrations of agents wait already. Ask the owner to decide about them.")


def _lock(conn: Connection, migration_id: int) -> None:
    execute(conn, SQL["migration_to_apply"], migration=migration_id)


def _one(conn: Connection, migration_id: int) -> ProposedMigration:
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


@contextmanager
def _deployment(url: URL) -> Iterator[Connection]:
    """A transaction of the owner, in no organization."""
    with owner_engine(url) as engine, engine.begin() as conn:
        act_for(conn, DEPLOYMENT)
        yield conn


def _named(text: str) -> str:
    """The name of a revision's files: the first words of a text."""
    words = [word for word in _WORDS.split(text.lower()) if word][:6]
    name = "_".join(words)[:60].strip("_")
    return name if name[:1].isalpha() else f"proposed_{name}".strip("_")[:60]


def _plain(text: str) -> str:
    """A text that can stand in the docstring of a file."""
    return " ".join(re.sub(r'["\\]', "'", text).split())[:300]

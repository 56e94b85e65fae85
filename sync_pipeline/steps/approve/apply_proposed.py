"""Apply a proposed migration that a person approved, and write it as a revision's files.

Its files stand among the revisions once it has come about, not before: else who migrates would run them as the owner.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from sqlalchemy import URL, Connection, Row

from sync_pipeline import journal
from sync_pipeline.db import migrate, revision
from sync_pipeline.db.losses import LossApproval
from sync_pipeline.db.owner import deployment
from sync_pipeline.db.proposed.apply import apply_migration
from sync_pipeline.db.proposed.trial import newest
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import ConfigurationError, Conflict, Forbidden, NotApproved
from sync_pipeline.steps.approve.approvals import spend
from sync_pipeline.steps.approve.migrations import SQL, lock, may_be_applied, one_migration
from sync_pipeline.steps.approve.proposed_migration import Applied, ProposedMigration
from sync_pipeline.steps.connect.party import Party

_UNFINISHED = ".applying_"  # the beginning of a folder's name
_DAY = 86_400.0  # seconds


def apply_proposed(
    url: URL, migration_id: int, *, by: Party, approval: LossApproval, versions: Path | None = None
) -> Applied:
    """Apply what a person approved, and write it as a revision's files, which are to be committed.

    The approval is spent with it: if it does not come about, nothing is spent, changed or written. If this process is
    killed in between, the same call finishes it.

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
    if (done := _finish(url, migration_id, by, folder)) is not None:
        return done
    before = newest(url)
    with deployment(url) as conn:
        if one_migration(conn, migration_id).state == "approved":
            execute(conn, SQL["migration_begun"], migration=migration_id, target=f"{int(before) + 1:04}")
    with deployment(url) as conn:
        lock(conn, migration_id)
        found = one_migration(conn, migration_id)
        may_be_applied(found, before)
        if revision.digest(found.up.encode(), found.down.encode()) != found.hash:
            raise Conflict("The stored scripts are not those of the hash. Somebody changed them: propose them again.")
        spent = spend(conn, "migration", str(migration_id), found.hash, by)
        if spent is None:
            raise NotApproved(
                f"Migration {migration_id} is not approved. Read it (`sync-pipeline migration show {migration_id}`), "
                f"then approve it: sync-pipeline migration approve {migration_id} --hash {found.hash}"
            )
        with _written(found, folder) as written:
            target = written.name[:4]
            try:
                verified = apply_migration(url, found.up, found.down, before=before, target=target, approval=approval)
            except BaseException:
                # Interrupted after the commit, it has come about all the same.
                if migrate.current_revision(url) == target:
                    revision.place(written, folder)
                raise
            written = revision.place(written, folder)
        return Applied(_applied(conn, found, target, by, spent), written, verified)


def _finish(url: URL, migration_id: int, by: Party, folder: Path) -> Applied | None:
    """Finish what was applied by a process that was killed before it said so; None if there is nothing to finish."""
    with deployment(url) as conn:
        lock(conn, migration_id)
        found = one_migration(conn, migration_id)
        target = found.applied_as
        if target is None or found.applied_at is not None or migrate.current_revision(url) != target:
            return None
        there = list(folder.glob(f"{target}_*.py"))
        if there and found.hash not in there[0].read_text("utf-8"):
            return None  # another revision of this number
        spent = spend(conn, "migration", str(migration_id), found.hash, by)
        if there:
            written = there[0].with_suffix("")
        else:
            with _written(found, folder) as made:
                written = revision.place(made, folder)
        verified = ("it was applied before, and its files are there",)
        return Applied(_applied(conn, found, target, by, spent), written, verified)


def _applied(
    conn: Connection, found: ProposedMigration, target: str, by: Party, spent: Row[Any] | None
) -> ProposedMigration:
    """Record that it is applied."""
    execute(conn, SQL["migration_applied"], migration=found.migration_id, actor=by.name, target=target)
    approved: dict[str, Any] = {"approver": spent.granted_by, "approval": spent.approval_id} if spent else {}
    detail: dict[str, Any] = {"migration": found.migration_id, "hash": found.hash, "revision": target}
    journal.record(conn, "migration.applied", actor=by.name, **detail, **approved)
    return one_migration(conn, found.migration_id)


def write_revision(found: ProposedMigration, versions: Path) -> Path:
    """Write a proposal as a revision after the newest in `versions`, byte for byte; returns its folder."""
    source = f"Proposed as migration {found.migration_id} by {_plain(found.proposed_by)}: {_plain(found.why)}"
    after = found.revision or migrate.head()
    return revision.write(versions, found.name, found.up, found.down, source=source, after=after)


@contextmanager
def _written(found: ProposedMigration, versions: Path) -> Iterator[Path]:
    """Its files, beside the revisions but not among them; what is left there afterwards is removed."""
    _remove_left(versions)
    try:
        folder = Path(mkdtemp(prefix=_UNFINISHED, dir=versions))
        written = write_revision(found, folder)
    except OSError as error:
        raise ConfigurationError(
            f"{versions} cannot be written to ({error.strerror}), and nothing was changed. Write the revision into a "
            f"checkout (sync-pipeline migration export {found.migration_id} --out DIR), commit it, and migrate with "
            "that version."
        ) from error
    try:
        yield written
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_left(versions: Path) -> None:
    """Remove the folders of processes that were killed. Nobody applies a migration for a whole day."""
    for folder in versions.glob(f"{_UNFINISHED}*"):
        with suppress(OSError):
            if folder.stat().st_mtime < time.time() - _DAY:
                shutil.rmtree(folder, ignore_errors=True)


def _plain(text: str) -> str:
    """A text that can stand in the docstring of a file."""
    return " ".join(re.sub(r'["\\]', "'", text).split())[:300]

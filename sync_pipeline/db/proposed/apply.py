"""Apply a proposed migration to the real database: with the login of its trial, and the checks of every migration.

Nothing that it says runs with the owner's rights: not on a branch, and not here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import URL, Connection

from sync_pipeline.db.guard import GuardedUpgrade
from sync_pipeline.db.kept import organizations
from sync_pipeline.db.losses import Declared, LossApproval, to_ask
from sync_pipeline.db.owner import owner_engine
from sync_pipeline.db.proposed import script
from sync_pipeline.db.proposed.login import limited_login, loan
from sync_pipeline.db.proposed.refusals import Objects, refusals
from sync_pipeline.db.proposed.script import LOCK_TIMEOUT, ScriptFailed
from sync_pipeline.db.proposed.trial import EmptyTrial, try_empty
from sync_pipeline.errors import Busy, ConfigurationError

_BUSY = ("55P03", "40P01")


def apply_migration(
    url: URL, up: str, down: str, *, before: str, target: str, approval: LossApproval
) -> tuple[str, ...]:
    """Apply `up` to the database at `url` (the owner's), which goes from revision `before` to `target`.

    It is tried on an empty branch again first, and must come to the same schema here. Returns what was verified.

    Raises:
        Busy: somebody holds a lock that it needs, or another process migrates.
        ConfigurationError: it fails here, would lose captured data, or makes another schema. Nothing was changed.
        GateClosed: it would lose data, and a person must answer first. Nothing was changed.
    """

    def ask(lost: Mapping[int, Sequence[str]]) -> None:
        if lost:
            with owner_engine(url) as engine, engine.connect() as conn:
                approval.approve(conn, target, lost)

    with limited_login(url) as login:
        try:
            first = try_empty(url, login, up, down, before)
        except ScriptFailed as failed:
            raise _refused(str(failed)) from failed
        if first.refused or first.back is not None:
            raise _refused("; ".join(first.refused) or "its way back fails")
        real = _Real(up, first, before, target)
        lent = loan(url, login, first.touched)
        guarded = GuardedUpgrade(
            real.upgrade,
            lambda found: to_ask(target, found, Declared({}, {})),
            ask,
            LOCK_TIMEOUT,
            begin=lent.borrow,
            end=lent.give_back,
        )
        guarded.compared = first.written
        guarded.run(login.at(url), real.check)
    compared = ", ".join(sorted(guarded.compared)) or "no row written to"
    verified = ("the schema is the one of the branch", f"no captured row lost: {compared}")
    with owner_engine(url) as engine, engine.connect() as conn:
        approval.record_migrated(conn, target, organizations(conn), verified)
    return verified


class _Real:
    """The script on the real database, and the comparison with the branch."""

    def __init__(self, up: str, first: EmptyTrial, before: str, target: str) -> None:
        self._up, self._first, self._revisions = up, first, (before, target)
        self._before: Objects | None = None

    def upgrade(self, conn: Connection) -> None:
        """Run the script and record the revision, in the caller's transaction."""
        begun = script.begin(conn)
        self._before = Objects.of(conn)
        try:
            script.run(conn, self._up, "up", "full", begun)
        except ScriptFailed as failed:
            if failed.failure.sqlstate in _BUSY:
                raise Busy(
                    f"The migration did not get a lock that it needs within {LOCK_TIMEOUT}, and nothing was changed. "
                    "Stop what works on the database (`sync-pipeline up`, the service, Dagster), then apply it again."
                ) from failed
            raise _refused(f"line {failed.failure.line}: {failed}") from failed
        before, target = self._revisions
        done = conn.exec_driver_sql(
            "UPDATE public.alembic_version SET version_num = %(target)s WHERE version_num = %(before)s",
            {"before": before, "target": target},
        )
        if done.rowcount != 1:
            raise _refused(f"the database is no longer at revision {before}")

    def check(self, conn: Connection) -> None:
        """The schema changed as it did on the branch, and nothing is there that may not be."""
        assert self._before is not None
        after = Objects.of(conn)
        expected, here = self._first.before.changed(self._first.after), self._before.changed(after)
        if here != expected:
            names = sorted(name for name in here.keys() | expected.keys() if here.get(name) != expected.get(name))
            raise _refused(f"the schema becomes another one here than on the branch: {', '.join(names[:10])}")
        if wrong := refusals(conn, self._before, after):
            raise _refused("; ".join(wrong))


def _refused(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The migration was not applied, and nothing was changed: {why}. Try it again on a branch."
    )

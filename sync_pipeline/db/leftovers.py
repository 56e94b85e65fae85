"""What trials of migrations leave behind when they are killed: branches of the database, and the login of proposals.

The next trial or migration drops it, and so does retention every day. `db status` and the doctor name it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from sync_pipeline.db.held import branches_left, drop_branches, earlier_branches
from sync_pipeline.db.owner import server_connection
from sync_pipeline.db.proposed.login import end_login_left, login_left


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Names of databases and of a login on the server.

    `branches`: no process has them any more. `login`: the one of proposed migrations, if nobody works with it.
    `earlier`: databases that an earlier version may have left, or may be using.
    """

    branches: Sequence[str]
    login: str | None
    earlier: Sequence[str] = ()

    @property
    def names(self) -> Sequence[str]:
        """What no living process has."""
        return [*self.branches, *([f"the login {self.login}"] if self.login else [])]

    @property
    def words(self) -> str | None:
        """What is there and what to do about it; None if there is nothing."""
        said = []
        if self.names:
            said.append(
                f"Trials of migrations that were killed left {', '.join(self.names)}. The next trial, migration or "
                "nightly retention drops them; `sync-pipeline db migrate` does it now."
            )
        if self.earlier:
            said.append(
                f"An earlier version may have left {', '.join(self.earlier)}. Drop them as the owner, if nobody uses "
                "them (DROP DATABASE)."
            )
        return " ".join(said) or None


def leftovers(url: URL) -> Leftovers:
    """What is left at the server of `url` (the owner's), of this database's trials. Nothing is changed.

    Raises:
        DatabaseUnavailable: the server does not answer.
    """
    with server_connection(url) as server:
        return Leftovers(branches_left(server, url), login_left(server, url), earlier_branches(server, url))


def drop_leftovers(url: URL) -> Leftovers:
    """Drop what no living process has; returns what was dropped. `earlier` stays.

    Raises:
        DatabaseUnavailable: the server does not answer.
    """
    with server_connection(url) as server:
        branches, login = drop_branches(server, url), None
        with suppress(DBAPIError):  # what is the login's may be locked, or this owner may drop no roles: the next time
            login = end_login_left(server, url)
        return Leftovers(branches, login)

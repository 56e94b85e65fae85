"""The embedded server is only ours: its folders, its socket, and what it says when it does not start.

Who reaches its socket is its superuser, so the socket's folder is closed to everybody else.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import stat
import tempfile
from pathlib import Path

from sync_pipeline.errors import ConfigurationError, DatabaseUnavailable, DiskFull

_SOCKET = ".s.PGSQL.5432"
_LONGEST = 103  # bytes of a socket's path, on every system
# What a new server says while the old one's children, or its files, are still there.
_PASSES = re.compile(r"pre-existing|already (?:exists|running|in use)|is starting up|shutting down", re.IGNORECASE)
_LINES = 6
_READ = 8_192


def close_folder(folder: Path, owner: int | None = None) -> None:
    """Make the data folder, readable for its owner alone.

    Raises:
        ConfigurationError: everybody may write into it, so it cannot be ours.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.stat()
    if found.st_mode & stat.S_ISVTX:
        raise ConfigurationError(
            f"{folder} is shared by all users of this machine. Set SYNC_HOME to a folder that only you use."
        )
    if os.geteuid() == 0 and owner is not None and found.st_uid != owner:
        os.chown(folder, owner, -1)
    if os.geteuid() in (0, found.st_uid):
        folder.chmod(0o700)


def socket_folder(data: Path, owner: int) -> Path:
    """Where the server's socket is: in its data folder; where that path is too long for one, or has a comma, which to a
    client separates hosts, in a folder of our own.

    Raises:
        ConfigurationError: somebody else has made that folder, or may write into it.
    """
    if len(os.fsencode(data / _SOCKET)) <= _LONGEST and "," not in str(data):
        return data
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"sync_pipeline-{owner}-{name}"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        pass
    else:
        if os.geteuid() == 0:
            os.chown(folder, owner, -1)
    found = folder.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == owner and not found.st_mode & 0o077
    if not ours or len(os.fsencode(folder / _SOCKET)) > _LONGEST:
        raise ConfigurationError(
            f"PostgreSQL's socket cannot be in {data}, whose path is too long or has a comma, nor in {folder}, which "
            "is not ours alone. Set SYNC_HOME to a folder with a path of fewer than "
            f"{_LONGEST - len('/postgres/' + _SOCKET)} bytes."
        )
    return folder


def start_options(folder: Path) -> str:
    """postgres's options: no network, a socket for its owner alone. pg_ctl gives them to a shell."""
    listed = '"' + str(folder).replace('"', '""') + '"'  # a list of folders: a comma would begin another
    return f"-h '' -k {shlex.quote(listed)} -c unix_socket_permissions=0700"


def size(log: Path) -> int:
    """Bytes of the log."""
    try:
        return log.stat().st_size
    except OSError:
        return 0


def refuse_if_hopeless(log: Path, since: int) -> None:
    """Return if the server may still start, by itself or when it is tried again.

    Raises:
        DatabaseUnavailable: it said why it does not; its last lines are in the message.
    """
    said = last_lines(log, since)
    if ("FATAL" in said or "PANIC" in said) and not _PASSES.search(said):
        full = f"{DiskFull()} " if "No space left on device" in said else ""
        raise DatabaseUnavailable(f"The embedded PostgreSQL does not start. {full}It says ({log}):\n{said}")


def last_lines(log: Path, since: int) -> str:
    """What the server has written since the log had so many bytes."""
    try:
        with log.open("rb") as file:
            file.seek(max(since, size(log) - _READ))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return "\n".join(line.strip() for line in lines[-_LINES:] if line.strip())
